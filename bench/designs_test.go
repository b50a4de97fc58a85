// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// BenchmarkDesign times the designs that CONCURRENCY.md rejects, each in its shortest form and only
// on the path that is the reason for the rejection. A lock is BenchmarkFlaky's impl=mutex. None of
// them is a complete breaker.
func BenchmarkDesign(b *testing.B) {
	b.Run("path=flaky", func(b *testing.B) { // one call in two fails, none trips
		b.Run("impl=atomic", func(b *testing.B) {
			breaker := atomicbreaker.MustNew("design")
			b.ReportAllocs()
			for range b.N {
				breaker.RecordFailure()
				breaker.RecordSuccess()
			}
		})
		b.Run("impl=pointer", func(b *testing.B) {
			type state struct{ phase, failures int }
			var current atomic.Pointer[state]
			current.Store(&state{})
			count := func(n int) {
				for swapped := false; !swapped; {
					old := current.Load()
					swapped = current.CompareAndSwap(old, &state{old.phase, n})
				}
			}
			b.ReportAllocs()
			for range b.N {
				count(1)
				count(0)
			}
		})
		b.Run("impl=two_words", func(b *testing.B) {
			var state, failures atomic.Uint64
			b.ReportAllocs()
			for range b.N {
				if failures.Add(1) == 5 { // anything can happen between this and the next line
					state.Store(1)
				}
				if state.Load() == 0 && failures.Load() != 0 {
					failures.Store(0)
				}
			}
		})
	})
	b.Run("path=reject", func(b *testing.B) {
		b.Run("impl=atomic", func(b *testing.B) {
			breaker := atomicbreaker.MustNew("design")
			breaker.Trip()
			for range b.N {
				if breaker.Allow() {
					b.Fatal(scenario.UnexpectedAdmit)
				}
			}
		})
		b.Run("impl=deadline_in_word", func(b *testing.B) {
			var word atomic.Uint64
			start := time.Now()
			word.Store(uint64(time.Hour))
			for range b.N {
				if uint64(time.Since(start)) > word.Load() {
					b.Fatal(scenario.UnexpectedAdmit)
				}
			}
		})
	})
}
