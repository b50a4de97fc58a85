// SPDX-License-Identifier: Apache-2.0

package atomic

import (
	"errors"
	"runtime"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

var doForm = scenario.Form{
	Name: "do",
	Loops: scenario.Loops{
		scenario.Do:       func() scenario.Loop { return do(newBreaker(scenario.UsualScene)) },
		scenario.RejectDo: func() scenario.Loop { return rejectDo(openBreaker()) },
		scenario.Flaky1000Do: func() scenario.Loop {
			return flakyDo(newBreaker(scenario.FlakyScene), 1000)
		},
		scenario.Flaky100Do: func() scenario.Loop {
			return flakyDo(newBreaker(scenario.FlakyScene), 100)
		},
		scenario.Flaky4Do: func() scenario.Loop {
			return flakyDo(newBreaker(scenario.FlakyScene), 4)
		},
	},
	New:  func(s scenario.Scene) scenario.Call { return doCall(newBreaker(s)) },
	Open: func() scenario.Call { return doCall(openBreaker()) },
}

func doCall(b *breaker) scenario.Call {
	return func(ok bool) bool {
		if ok {
			return b.Do(succeed) == nil
		}
		return errors.Is(b.Do(fail), scenario.ErrSink)
	}
}

//go:noinline
func do(b *breaker) scenario.Loop {
	return func(n int) {
		for range n {
			if b.Do(succeed) != nil {
				panic(scenario.Failed)
			}
		}
	}
}

//go:noinline
func rejectDo(b *breaker) scenario.Loop {
	return func(n int) {
		for range n {
			if b.Do(failAdmitted) == nil {
				panic(scenario.UnexpectedAdmit)
			}
		}
	}
}

//go:noinline
func flakyDo(b *breaker, every int) scenario.Loop {
	return func(n int) {
		left := every
		for range n {
			left--
			if left > 0 {
				if b.Do(succeed) != nil {
					panic(scenario.Failed)
				}
			} else {
				if b.Do(fail) == nil {
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
func cycle(b *breaker) scenario.Loop {
	return func(n int) {
		for range n {
			for range scenario.CycleLength {
				_ = b.Do(fail)
			}
			for b.Do(succeed) != nil {
				runtime.Gosched()
			}
		}
	}
}
