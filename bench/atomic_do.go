// SPDX-License-Identifier: Apache-2.0

package bench

import "runtime"

var atomicDoLoops = map[Scenario]func() Loop{
	Do:          func() Loop { return atomicDo(atomicNew(usual)) },
	RejectDo:    func() Loop { return atomicRejectDo(atomicOpen()) },
	Flaky1000Do: func() Loop { return atomicFlakyDo(atomicNew(flaky), 1000) },
	Flaky100Do:  func() Loop { return atomicFlakyDo(atomicNew(flaky), 100) },
	Flaky4Do:    func() Loop { return atomicFlakyDo(atomicNew(flaky), 4) },
}

//go:noinline
func atomicDo(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			if b.Do(atomicSucceed) != nil {
				panic(failed)
			}
		}
	}
}

//go:noinline
func atomicRejectDo(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			if b.Do(atomicFailAdmitted) == nil {
				panic(unexpectedAdmit)
			}
		}
	}
}

//go:noinline
func atomicFlakyDo(b *atomicBreaker, every int) Loop {
	return func(n int) {
		left := every
		for range n {
			left--
			if left > 0 {
				if b.Do(atomicSucceed) != nil {
					panic(failed)
				}
			} else {
				if b.Do(atomicFail) == nil {
					panic(unexpectedAdmit)
				}
				left = every
			}
		}
	}
}

// The first probe may come before the breaker knows that it is due, so the loop retries.
//
//go:noinline
func atomicCycle(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			for range cycleLength {
				_ = b.Do(atomicFail)
			}
			for b.Do(atomicSucceed) != nil {
				runtime.Gosched()
			}
		}
	}
}
