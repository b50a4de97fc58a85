// SPDX-License-Identifier: Apache-2.0

package bench

var atomicSubject = Subject{"atomic", merge(atomicPermitLoops, atomicDoLoops, map[Scenario]func() Loop{
	Pair:   func() Loop { return atomicPair(atomicNew(usual)) },
	Reject: func() Loop { return atomicReject(atomicOpen()) },
	RejectHalfOpen: func() Loop {
		b := atomicNew(halfOpen)
		b.Trip()
		b.Allow() // the only probe, which never reports
		return atomicReject(b)
	},
	Flaky1000: func() Loop { return atomicFlaky(atomicNew(flaky), 1000) },
	Flaky100:  func() Loop { return atomicFlaky(atomicNew(flaky), 100) },
	Flaky4:    func() Loop { return atomicFlaky(atomicNew(flaky), 4) },
	Storm:     func() Loop { return atomicStorm(atomicNew(storm)) },
	Herd: func() Loop {
		b := atomicNew(herd)
		b.Trip()
		return atomicHerd(b)
	},
	Cycle: func() Loop { return atomicCycle(atomicNew(halfOpen)) },
})}

//go:noinline
func atomicPair(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			if !b.Allow() {
				panic(unexpectedReject)
			}
			b.RecordSuccess()
		}
	}
}

//go:noinline
func atomicReject(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			if b.Allow() {
				panic(unexpectedAdmit)
			}
		}
	}
}

//go:noinline
func atomicFlaky(b *atomicBreaker, every int) Loop {
	return func(n int) {
		left := every
		for range n {
			if !b.Allow() {
				panic(unexpectedReject)
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
func atomicStorm(b *atomicBreaker) Loop {
	return func(n int) {
		left := stormLength
		for range n {
			b.RecordFailure()
			left--
			if left == 0 {
				b.Reset()
				left = stormLength
			}
		}
	}
}
