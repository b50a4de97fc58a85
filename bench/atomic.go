// SPDX-License-Identifier: Apache-2.0

package bench

import "github.com/sinkguard/go-atomicbreaker/bench/scenario"

var atomicSubject = scenario.Subject{Name: "atomic", Loops: scenario.Merge(atomicPermitLoops, atomicDoLoops, map[scenario.Scenario]func() scenario.Loop{
	scenario.Pair:   func() scenario.Loop { return atomicPair(atomicNew(scenario.UsualScene)) },
	scenario.Reject: func() scenario.Loop { return atomicReject(atomicOpen()) },
	scenario.RejectHalfOpen: func() scenario.Loop {
		b := atomicNew(scenario.HalfOpenScene)
		b.Trip()
		b.Allow() // the only probe, which never reports
		return atomicReject(b)
	},
	scenario.Flaky1000: func() scenario.Loop { return atomicFlaky(atomicNew(scenario.FlakyScene), 1000) },
	scenario.Flaky100:  func() scenario.Loop { return atomicFlaky(atomicNew(scenario.FlakyScene), 100) },
	scenario.Flaky4:    func() scenario.Loop { return atomicFlaky(atomicNew(scenario.FlakyScene), 4) },
	scenario.Storm:     func() scenario.Loop { return atomicStorm(atomicNew(scenario.StormScene)) },
	scenario.Herd: func() scenario.Loop {
		b := atomicNew(scenario.HerdScene)
		b.Trip()
		return atomicHerd(b)
	},
	scenario.Cycle: func() scenario.Loop { return atomicCycle(atomicNew(scenario.HalfOpenScene)) },
})}

//go:noinline
func atomicPair(b *atomicBreaker) scenario.Loop {
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
func atomicReject(b *atomicBreaker) scenario.Loop {
	return func(n int) {
		for range n {
			if b.Allow() {
				panic(scenario.UnexpectedAdmit)
			}
		}
	}
}

//go:noinline
func atomicFlaky(b *atomicBreaker, every int) scenario.Loop {
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
func atomicStorm(b *atomicBreaker) scenario.Loop {
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
