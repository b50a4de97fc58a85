// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker

import (
	"time"
	"weak"

	"go.uber.org/atomic"
)

// The atomics, the clock and the runtime's timers, under names of this package. With the build tag
// explore, atomic_explore.go and timer_explore.go replace them, and a scheduler decides what
// happens between any two accesses. The types must be aliases declared in this package: otherwise
// the inliner takes a load for a call.
type (
	cell           = atomic.Uint64
	counter        = atomic.Uint32
	pointer[T any] = atomic.Pointer[T]
	runtimeTimer   = time.Timer
)

type clock struct{}

func (clock) now() time.Time { return time.Now() }

// start expires t after d.
func (clock) start(t *periodTimer, d time.Duration, owner weak.Pointer[Breaker]) *runtimeTimer {
	return time.AfterFunc(d, func() { t.expire(owner) })
}

// spawn runs f on a goroutine of its own. It is the package's only go statement; with the build tag
// explore, atomic_explore.go makes the goroutine a thread of the explorer.
func spawn(f func()) { go f() }
