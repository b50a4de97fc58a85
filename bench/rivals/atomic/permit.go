// SPDX-License-Identifier: Apache-2.0

package atomic

import (
	"runtime"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

var permitForm = scenario.Form{
	Name: "permit",
	Loops: scenario.Loops{
		scenario.Permit: func() scenario.Loop {
			return twoStep(newBreaker(scenario.UsualScene))
		},
		scenario.RejectPermit: func() scenario.Loop { return rejectPermit(openBreaker()) },
		scenario.Flaky1000Permit: func() scenario.Loop {
			return flakyPermit(newBreaker(scenario.FlakyScene), 1000)
		},
		scenario.Flaky100Permit: func() scenario.Loop {
			return flakyPermit(newBreaker(scenario.FlakyScene), 100)
		},
		scenario.Flaky4Permit: func() scenario.Loop {
			return flakyPermit(newBreaker(scenario.FlakyScene), 4)
		},
	},
	New:  func(s scenario.Scene) scenario.Call { return permitCall(newBreaker(s)) },
	Open: func() scenario.Call { return permitCall(openBreaker()) },
}

func permitCall(b *breaker) scenario.Call {
	return func(ok bool) bool {
		p, admitted := b.TryAcquire()
		switch {
		case admitted && ok:
			p.Success()
		case admitted:
			p.Failure()
		}
		return admitted
	}
}

//go:noinline
func twoStep(b *breaker) scenario.Loop {
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
func rejectPermit(b *breaker) scenario.Loop {
	return func(n int) {
		for range n {
			if p, ok := b.TryAcquire(); ok {
				p.Failure()
				admitted()
			}
		}
	}
}

//go:noinline
func flakyPermit(b *breaker, every int) scenario.Loop {
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
func herd(b *breaker) scenario.Loop {
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
