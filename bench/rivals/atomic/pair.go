// SPDX-License-Identifier: Apache-2.0

package atomic

import "github.com/sinkguard/go-atomicbreaker/bench/scenario"

var pairForm = scenario.Form{
	Name: "pair",
	Loops: scenario.Loops{
		scenario.Pair: func() scenario.Loop {
			b := newBreaker(scenario.UsualScene)
			return scenario.Faster(pair(b), pairElsewhere(b))
		},
		scenario.Reject: func() scenario.Loop { return reject(openBreaker()) },
		scenario.RejectHalfOpen: func() scenario.Loop {
			b := newBreaker(scenario.HalfOpenScene)
			b.Trip()
			b.Allow() // the only probe, which never reports
			return reject(b)
		},
		scenario.Flaky1000: func() scenario.Loop {
			return flaky(newBreaker(scenario.FlakyScene), 1000)
		},
		scenario.Flaky100: func() scenario.Loop {
			return flaky(newBreaker(scenario.FlakyScene), 100)
		},
		scenario.Flaky4: func() scenario.Loop {
			return flaky(newBreaker(scenario.FlakyScene), 4)
		},
		scenario.Storm: func() scenario.Loop { return storm(newBreaker(scenario.StormScene)) },
		scenario.Herd: func() scenario.Loop {
			b := newBreaker(scenario.HerdScene)
			b.Trip()
			return herd(b)
		},
		scenario.Cycle: func() scenario.Loop { return cycle(newBreaker(scenario.HalfOpenScene)) },
	},
	New:  func(s scenario.Scene) scenario.Call { return pairCall(newBreaker(s)) },
	Open: func() scenario.Call { return pairCall(openBreaker()) },
}

func pairCall(b *breaker) scenario.Call {
	return func(ok bool) bool {
		admitted := b.Allow()
		switch {
		case admitted && ok:
			b.RecordSuccess()
		case admitted:
			b.RecordFailure()
		}
		return admitted
	}
}

//go:noinline
func pair(b *breaker) scenario.Loop {
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
func reject(b *breaker) scenario.Loop {
	return func(n int) {
		for range n {
			if b.Allow() {
				panic(scenario.UnexpectedAdmit)
			}
		}
	}
}

//go:noinline
func flaky(b *breaker, every int) scenario.Loop {
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
func storm(b *breaker) scenario.Loop {
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

// pairElsewhere is pair at another place in memory: see [scenario.Faster].
//
//go:noinline
func pairElsewhere(b *breaker) scenario.Loop {
	return func(n int) {
		for range n {
			if !b.Allow() {
				panic(scenario.UnexpectedReject)
			}
			b.RecordSuccess()
		}
	}
}
