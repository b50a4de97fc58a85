// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"runtime"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

var atomicPermitLoops = map[scenario.Scenario]func() scenario.Loop{
	scenario.Permit:          func() scenario.Loop { return atomicTwoStep(atomicNew(scenario.UsualScene)) },
	scenario.RejectPermit:    func() scenario.Loop { return atomicRejectPermit(atomicOpen()) },
	scenario.Flaky1000Permit: func() scenario.Loop { return atomicFlakyPermit(atomicNew(scenario.FlakyScene), 1000) },
	scenario.Flaky100Permit:  func() scenario.Loop { return atomicFlakyPermit(atomicNew(scenario.FlakyScene), 100) },
	scenario.Flaky4Permit:    func() scenario.Loop { return atomicFlakyPermit(atomicNew(scenario.FlakyScene), 4) },
}

//go:noinline
func atomicTwoStep(b *atomicBreaker) scenario.Loop {
	return func(n int) {
		for range n {
			p, ok := b.TryAcquire()
			if !ok {
				panic(scenario.UnexpectedReject)
			}
			p.Success()
		}
	}
}

//go:noinline
func atomicRejectPermit(b *atomicBreaker) scenario.Loop {
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
func atomicFlakyPermit(b *atomicBreaker, every int) scenario.Loop {
	return func(n int) {
		left := every
		for range n {
			p, ok := b.TryAcquire()
			if !ok {
				panic(scenario.UnexpectedReject)
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
func atomicHerd(b *atomicBreaker) scenario.Loop {
	return func(n int) {
		left := scenario.HerdLength
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
				left = scenario.HerdLength
			}
		}
	}
}
