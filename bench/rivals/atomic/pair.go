// SPDX-License-Identifier: Apache-2.0

package atomic

import "github.com/sinkguard/go-atomicbreaker/bench/scenario"

var atomicPairLoops = map[scenario.Scenario]func() scenario.Loop{
	scenario.Pair:   func() scenario.Loop { return atomicPair(New(scenario.UsualScene)) },
	scenario.Reject: func() scenario.Loop { return atomicReject(Open()) },
	scenario.RejectHalfOpen: func() scenario.Loop {
		b := New(scenario.HalfOpenScene)
		b.Trip()
		b.Allow() // the only probe, which never reports
		return atomicReject(b)
	},
	scenario.Flaky1000: func() scenario.Loop { return atomicFlaky(New(scenario.FlakyScene), 1000) },
	scenario.Flaky100:  func() scenario.Loop { return atomicFlaky(New(scenario.FlakyScene), 100) },
	scenario.Flaky4:    func() scenario.Loop { return atomicFlaky(New(scenario.FlakyScene), 4) },
	scenario.Storm:     func() scenario.Loop { return atomicStorm(New(scenario.StormScene)) },
	scenario.Herd: func() scenario.Loop {
		b := New(scenario.HerdScene)
		b.Trip()
		return atomicHerd(b)
	},
	scenario.Cycle: func() scenario.Loop { return atomicCycle(New(scenario.HalfOpenScene)) },
}

//go:noinline
func atomicPair(b *Breaker) scenario.Loop {
	return func(n int) {
		for range n {
			if !b.Allow() {
				panic(scenario.UnexpectedReject)
			}
			b.RecordSuccess()
		}
	}
}

//go:noinline
func atomicReject(b *Breaker) scenario.Loop {
	return func(n int) {
		for range n {
			if b.Allow() {
				panic(scenario.UnexpectedAdmit)
			}
		}
	}
}

//go:noinline
func atomicFlaky(b *Breaker, every int) scenario.Loop {
	return func(n int) {
		left := every
		for range n {
			if !b.Allow() {
				panic(scenario.UnexpectedReject)
			}
			left--
			if left > 0 {
				b.RecordSuccess()
			} else {
				b.RecordFailure()
				left = every
			}
		}
	}
}

//go:noinline
func atomicStorm(b *Breaker) scenario.Loop {
	return func(n int) {
		left := scenario.StormLength
		for range n {
			b.RecordFailure()
			left--
			if left == 0 {
				b.Reset()
				left = scenario.StormLength
			}
		}
	}
}
