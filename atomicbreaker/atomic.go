// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker

import "go.uber.org/atomic"

// The atomics, by names of the package's own. With the build tag explore, atomic_explore.go puts others in their place,
// which let a scheduler decide what happens between any two accesses. The names must be aliases, and of this package:
// else the inliner takes a load for a call.
type (
	cell           = atomic.Uint64
	counter        = atomic.Uint32
	pointer[T any] = atomic.Pointer[T]
)
