// SPDX-License-Identifier: Apache-2.0

package bench

import "runtime"

var atomicPermitLoops = map[Scenario]func() Loop{
	Permit:          func() Loop { return atomicTwoStep(atomicNew(usual)) },
	RejectPermit:    func() Loop { return atomicRejectPermit(atomicOpen()) },
	Flaky1000Permit: func() Loop { return atomicFlakyPermit(atomicNew(flaky), 1000) },
	Flaky100Permit:  func() Loop { return atomicFlakyPermit(atomicNew(flaky), 100) },
	Flaky4Permit:    func() Loop { return atomicFlakyPermit(atomicNew(flaky), 4) },
}

//go:noinline
func atomicTwoStep(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			p, ok := b.TryAcquire()
			if !ok {
				panic(unexpectedReject)
			}
			p.Success()
		}
	}
}

//go:noinline
func atomicRejectPermit(b *atomicBreaker) Loop {
	return func(n int) {
		for range n {
			if p, ok := b.TryAcquire(); ok {
				p.Failure()
				atomicAdmitted()
			}
		}
	}
}

//go:noinline
func atomicFlakyPermit(b *atomicBreaker, every int) Loop {
	return func(n int) {
		left := every
		for range n {
			p, ok := b.TryAcquire()
			if !ok {
				panic(unexpectedReject)
			}
			runtime.Gosched() // a probe takes time, in which other calls are rejected
			left--
			if left > 0 {
				p.Success()
			} else {
				p.Failure()
				left = every
			}
		}
	}
}

//go:noinline
func atomicHerd(b *atomicBreaker) Loop {
	return func(n int) {
		left := herdLength
		for range n {
			p, ok := b.TryAcquire()
			if !ok {
				continue
			}
			runtime.Gosched() // a probe takes time, in which other calls are rejected
			left--
			if left > 0 {
				p.Success()
			} else {
				p.Failure()
				left = herdLength
			}
		}
	}
}
