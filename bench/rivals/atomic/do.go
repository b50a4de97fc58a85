// SPDX-License-Identifier: Apache-2.0

package atomic

import (
	"runtime"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

var atomicDoLoops = map[scenario.Scenario]func() scenario.Loop{
	scenario.Do:          func() scenario.Loop { return atomicDo(New(scenario.UsualScene)) },
	scenario.RejectDo:    func() scenario.Loop { return atomicRejectDo(Open()) },
	scenario.Flaky1000Do: func() scenario.Loop { return atomicFlakyDo(New(scenario.FlakyScene), 1000) },
	scenario.Flaky100Do:  func() scenario.Loop { return atomicFlakyDo(New(scenario.FlakyScene), 100) },
	scenario.Flaky4Do:    func() scenario.Loop { return atomicFlakyDo(New(scenario.FlakyScene), 4) },
}

//go:noinline
func atomicDo(b *Breaker) scenario.Loop {
	return func(n int) {
		for range n {
			if b.Do(atomicSucceed) != nil {
				panic(scenario.Failed)
			}
		}
	}
}

//go:noinline
func atomicRejectDo(b *Breaker) scenario.Loop {
	return func(n int) {
		for range n {
			if b.Do(atomicFailAdmitted) == nil {
				panic(scenario.UnexpectedAdmit)
			}
		}
	}
}

//go:noinline
func atomicFlakyDo(b *Breaker, every int) scenario.Loop {
	return func(n int) {
		left := every
		for range n {
			left--
			if left > 0 {
				if b.Do(atomicSucceed) != nil {
					panic(scenario.Failed)
				}
			} else {
				if b.Do(atomicFail) == nil {
					panic(scenario.UnexpectedAdmit)
				}
				left = every
			}
		}
	}
}

// The first probe may come before the breaker knows that it is due, so the loop retries.
//
//go:noinline
func atomicCycle(b *Breaker) scenario.Loop {
	return func(n int) {
		for range n {
			for range scenario.CycleLength {
				_ = b.Do(atomicFail)
			}
			for b.Do(atomicSucceed) != nil {
				runtime.Gosched()
			}
		}
	}
}
