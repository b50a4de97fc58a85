// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker

import (
	"time"

	"go.uber.org/atomic"
)

// What the package takes from the runtime, by names of its own: the atomics, and the start of a timer. With the build
// tag explore, atomic_explore.go puts others in their place, which let a scheduler decide what happens between any two
// accesses. The names must be aliases, and of this package: else the inliner takes a load for a call.
type (
	cell           = atomic.Uint64
	counter        = atomic.Uint32
	pointer[T any] = atomic.Pointer[T]
	timer          = time.Timer
)

func afterFunc(d time.Duration, f func()) *timer { return time.AfterFunc(d, f) }
