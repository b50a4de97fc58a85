// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"io"
	"sync/atomic"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// github.com/failsafe-go/failsafe-go counts consecutive failures in a ring of as many bits as the
// threshold, so flaky, which must never trip, has a threshold of 1,000. A breaker admits as many
// probes as successes close it: 255 in the herd. The two steps are calls on the breaker and carry
// nothing from one to the other.
var failsafeSubject = Subject{"failsafe", merge(failsafePermitLoops, failsafeDoLoops, logLoops(failsafeGuard), map[Scenario]func() Loop{
	Herd:  func() Loop { return failsafeHerd(failsafeNew(herd)) },
	Cycle: func() Loop { return failsafeCycle(failsafeNew(halfOpen)) },
	CycleHook: func() Loop {
		var count atomic.Int64 // its hooks may run concurrently
		b := failsafeBuilder(halfOpen).OnStateChanged(func(circuitbreaker.StateChangedEvent) { count.Add(1) }).Build()
		return failsafeCycle(&failsafeBreaker{b, failsafe.With(b)})
	},
})}

type failsafeBreaker struct {
	cb       circuitbreaker.CircuitBreaker[any]
	executor failsafe.Executor[any]
}

func failsafeBuilder(s scene) circuitbreaker.Builder[any] {
	delay := s.timeout()
	if s.dueAtOnce {
		delay = 0
	}
	return circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(min(s.threshold, 1000))).
		WithSuccessThreshold(uint(s.successes)).
		WithDelay(delay)
}

func failsafeNew(s scene) *failsafeBreaker {
	b := failsafeBuilder(s).Build()
	return &failsafeBreaker{b, failsafe.With(b)}
}

func failsafeOpen() *failsafeBreaker {
	b := failsafeNew(usual)
	for range cycleLength {
		_ = b.Do(failsafeFail)
	}
	return b
}

func (b *failsafeBreaker) Do(fn func() error) error { return b.executor.Run(fn) }

type failsafePermit struct {
	cb circuitbreaker.CircuitBreaker[any]
}

func (b *failsafeBreaker) TryAcquire() (failsafePermit, bool) {
	return failsafePermit{b.cb}, b.cb.TryAcquirePermit()
}

func (p failsafePermit) Success() { p.cb.RecordSuccess() }
func (p failsafePermit) Failure() { p.cb.RecordFailure() }

func failsafeSucceed() error      { return nil }
func failsafeFail() error         { return errSink }
func failsafeFailAdmitted() error { panic(unexpectedAdmit) }
func failsafeAdmitted()           { panic(unexpectedAdmit) }

type failsafeWriter struct {
	executor failsafe.Executor[any]
	w        io.Writer
}

func (g failsafeWriter) Write(p []byte) (n int, err error) {
	err = g.executor.Run(func() (err error) {
		n, err = g.w.Write(p)
		return err
	})
	return n, err
}

func failsafeGuard(w io.Writer) io.Writer { return failsafeWriter{failsafeNew(usual).executor, w} }
