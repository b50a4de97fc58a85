// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/eapache/go-resiliency/breaker"
	sony "github.com/sony/gobreaker/v2"
	"github.com/stretchr/testify/assert"
	gozero "github.com/zeromicro/go-zero/core/breaker"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals/atomic"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/failsafe"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/gobreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/mutex"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/rubyist"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// fleet makes many breakers of an implementation and operates on them. The breakers that are
// weighed have the usual timeout, with whatever an open breaker keeps for it: a timer, a goroutine.
// Those that are timed are due at once.
type fleet[B any] struct {
	impl    string
	largest int // a larger fleet needs more than a gigabyte
	create  func(scenario.Scene) B
	fail    func(B) // nil: cannot be tripped, so the fleet is weighed only while closed
	succeed func(B) bool
	release func(B) // ends goroutines that would outlive the benchmark; may be nil
}

func succeed() error           { return nil }
func succeedInt() (int, error) { return 0, nil }
func fail() error              { return scenario.ErrSink }
func failInt() (int, error)    { return 0, scenario.ErrSink }

func BenchmarkFleet(b *testing.B) {
	fleet[*atomic.Breaker]{
		"atomic", 1_000_000, func(s scenario.Scene) *atomic.Breaker { return atomic.New(s) },
		func(b *atomic.Breaker) { _ = b.Do(fail) },
		func(b *atomic.Breaker) bool { return b.Do(succeed) == nil },
		(*atomic.Breaker).Reset,
	}.run(b)
	fleet[*mutex.Breaker]{
		"mutex", 1_000_000, mutex.New,
		func(b *mutex.Breaker) { _ = b.Do(fail) },
		func(b *mutex.Breaker) bool { return b.Do(succeed) == nil }, nil,
	}.run(b)
	fleet[*sony.CircuitBreaker[int]]{
		"gobreaker", 1_000_000, func(s scenario.Scene) *sony.CircuitBreaker[int] {
			return sony.NewCircuitBreaker[int](gobreaker.Settings(s))
		},
		func(b *sony.CircuitBreaker[int]) { _, _ = b.Execute(failInt) },
		func(b *sony.CircuitBreaker[int]) bool { _, err := b.Execute(succeedInt); return err == nil }, nil,
	}.run(b)
	fleet[*failsafe.Breaker]{
		"failsafe", 1_000_000, failsafe.New,
		func(b *failsafe.Breaker) { _ = b.Do(fail) },
		func(b *failsafe.Breaker) bool { return b.Do(succeed) == nil }, nil,
	}.run(b)
	fleet[*breaker.Breaker]{
		"eapache", 1_000_000, func(s scenario.Scene) *breaker.Breaker { // a second, not an hour, because its goroutine cannot be stopped
			return breaker.New(s.Threshold, s.Successes, min(s.Timeout(), time.Second))
		},
		func(b *breaker.Breaker) { _ = b.Run(fail) },
		func(b *breaker.Breaker) bool { return b.Run(succeed) == nil },
		func(b *breaker.Breaker) {
			for b.GetState() == breaker.Open {
				time.Sleep(time.Millisecond)
			}
		},
	}.run(b)
	fleet[*rubyist.Breaker]{
		"rubyist", 1_000_000, rubyist.New,
		func(b *rubyist.Breaker) { _ = b.Do(fail) },
		func(b *rubyist.Breaker) bool { return b.Do(succeed) == nil }, nil,
	}.run(b)
	fleet[gozero.Breaker]{ // no states: see rivals/gozero
		"gozero", 1000, func(scenario.Scene) gozero.Breaker { return gozero.NewBreaker(gozero.WithName("bench")) }, nil, nil, nil,
	}.run(b)
}

// run weighs a fleet of each size, and times how long it takes until all have tripped and all have
// recovered.
func (f fleet[B]) run(b *testing.B) {
	b.Helper()
	for _, n := range []int{1, 1000, 1_000_000} {
		if n > f.largest {
			continue
		}
		b.Run(fmt.Sprintf("impl=%s/breakers=%d", f.impl, n), func(b *testing.B) {
			closed, open := f.weigh(n)
			b.ReportMetric(0, "ns/op") // would include making them
			b.ReportMetric(closed, "closed-B/breaker")
			if f.fail == nil {
				return
			}
			b.ReportMetric(open, "open-B/breaker")
			var trip, recovered time.Duration
			for range b.N {
				all := f.fill(make([]B, n), scenario.HalfOpenScene)
				start := time.Now()
				f.trip(all)
				tripped := time.Now()
				for _, breaker := range all {
					for !f.succeed(breaker) {
						runtime.Gosched()
					}
				}
				trip += tripped.Sub(start)
				recovered += time.Since(tripped)
			}
			calls := float64(b.N) * float64(n)
			b.ReportMetric(float64(trip)/calls, "trip-ns/breaker")
			b.ReportMetric(float64(recovered)/calls, "recover-ns/breaker")
		})
	}
}

func (f fleet[B]) fill(all []B, s scenario.Scene) []B {
	for i := range all {
		all[i] = f.create(s)
	}
	return all
}

func (f fleet[B]) trip(all []B) {
	for _, breaker := range all {
		for range scenario.CycleLength {
			f.fail(breaker)
		}
	}
}

// weigh returns the bytes of a breaker, closed and open. A single breaker is smaller than what the
// runtime allocates meanwhile, so at least a thousand are weighed; they share nothing.
func (f fleet[B]) weigh(n int) (closed, open float64) {
	all := make([]B, max(n, 1000))
	empty := inUse()
	f.fill(all, scenario.UsualScene)
	closed = (inUse() - empty) / float64(len(all))
	if f.fail == nil {
		return closed, 0
	}
	f.trip(all)
	open = (inUse() - empty) / float64(len(all))
	if f.release != nil {
		for _, breaker := range all {
			f.release(breaker)
		}
	}
	runtime.KeepAlive(all)
	return closed, open
}

// inUse returns the number of reachable bytes, including the goroutines' stacks.
func inUse() float64 {
	runtime.GC()
	runtime.GC() // for finalizers, and what they free
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

func TestFleet_Weighs(t *testing.T) {
	type block [4096]byte
	f := fleet[*block]{"block", 1, func(scenario.Scene) *block { return new(block) }, func(*block) {}, nil, nil}
	closed, open := f.weigh(1)
	assert.InDelta(t, 4096, closed, 400)
	assert.InDelta(t, 4096, open, 400)
}
