// SPDX-License-Identifier: Apache-2.0

package atomic

import "github.com/sinkguard/go-atomicbreaker/bench/scenario"

var pairForm = scenario.Form{
	Name: "pair",
	Loops: scenario.Loops{
		scenario.Pair:   func() scenario.Loop { return pair(New(scenario.UsualScene)) },
		scenario.Reject: func() scenario.Loop { return reject(Open()) },
		scenario.RejectHalfOpen: func() scenario.Loop {
			b := New(scenario.HalfOpenScene)
			b.Trip()
			b.Allow() // the only probe, which never reports
			return reject(b)
		},
		scenario.Flaky1000: func() scenario.Loop { return flaky(New(scenario.FlakyScene), 1000) },
		scenario.Flaky100:  func() scenario.Loop { return flaky(New(scenario.FlakyScene), 100) },
		scenario.Flaky4:    func() scenario.Loop { return flaky(New(scenario.FlakyScene), 4) },
		scenario.Storm:     func() scenario.Loop { return storm(New(scenario.StormScene)) },
		scenario.Herd: func() scenario.Loop {
			b := New(scenario.HerdScene)
			b.Trip()
			return herd(b)
		},
		scenario.Cycle: func() scenario.Loop { return cycle(New(scenario.HalfOpenScene)) },
	},
	New:  func(s scenario.Scene) scenario.Call { return pairCall(New(s)) },
	Open: func() scenario.Call { return pairCall(Open()) },
}

func pairCall(b *Breaker) scenario.Call {
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
func pair(b *Breaker) scenario.Loop {
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
func reject(b *Breaker) scenario.Loop {
	return func(n int) {
		for range n {
			if b.Allow() {
				panic(scenario.UnexpectedAdmit)
			}
		}
	}
}

//go:noinline
func flaky(b *Breaker, every int) scenario.Loop {
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
func storm(b *Breaker) scenario.Loop {
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
