// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"runtime"
	"time"
)

// Fleet makes many breakers of an implementation and operates on them.
type Fleet interface {
	// Max is the largest number of breakers. More of them need more than a gigabyte.
	Max() int
	// Weigh returns the bytes of a breaker, closed and open. open is 0 if none can be tripped.
	Weigh(n int) (closed, open float64)
	// Time trips n breakers and waits until all have recovered. It returns how long each took.
	Time(n int) (trip, recovered time.Duration)
}

// FleetOf is the fleet of the breakers of type B. The breakers that are weighed have the usual
// timeout, with whatever an open breaker keeps for it: a timer, a goroutine. Those that are timed
// are due at once.
type FleetOf[B any] struct {
	Largest int
	New     func(Scene) B
	Fail    func(B)      // nil: cannot be tripped, so the fleet is weighed only while closed
	Succeed func(B) bool // reports whether the call was admitted
	Release func(B)      // ends goroutines that would outlive the benchmark; may be nil
}

// Max implements Fleet.
func (f FleetOf[B]) Max() int { return f.Largest }

// Weigh implements Fleet. A single breaker is smaller than what the runtime allocates meanwhile, so
// at least a thousand are weighed; they share nothing.
func (f FleetOf[B]) Weigh(n int) (closed, open float64) {
	all := make([]B, max(n, 1000))
	empty := inUse()
	f.fill(all, UsualScene)
	closed = (inUse() - empty) / float64(len(all))
	if f.Fail == nil {
		return closed, 0
	}
	f.trip(all)
	open = (inUse() - empty) / float64(len(all))
	if f.Release != nil {
		for _, breaker := range all {
			f.Release(breaker)
		}
	}
	runtime.KeepAlive(all)
	return closed, open
}

// Time implements Fleet. Both results are 0 if no breaker can be tripped.
func (f FleetOf[B]) Time(n int) (trip, recovered time.Duration) {
	if f.Fail == nil {
		return 0, 0
	}
	all := f.fill(make([]B, n), HalfOpenScene)
	start := time.Now()
	f.trip(all)
	tripped := time.Now()
	for _, breaker := range all {
		for !f.Succeed(breaker) {
			runtime.Gosched()
		}
	}
	return tripped.Sub(start), time.Since(tripped)
}

func (f FleetOf[B]) fill(all []B, s Scene) []B {
	for i := range all {
		all[i] = f.New(s)
	}
	return all
}

func (f FleetOf[B]) trip(all []B) {
	for _, breaker := range all {
		for range CycleLength {
			f.Fail(breaker)
		}
	}
}

// inUse returns the number of reachable bytes, including the goroutines' stacks.
func inUse() float64 {
	runtime.GC()
	runtime.GC() // for finalizers, and what they free
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
