// SPDX-License-Identifier: Apache-2.0

// Package failsafe measures github.com/failsafe-go/failsafe-go. It counts consecutive failures in a
// ring of as many bits as the threshold, so [scenario.FlakyScene], which must never trip, has a
// threshold of 1,000. A breaker admits as many probes as successes close it: 255 in the herd. The
// two steps are calls on the breaker and carry nothing from one to the other.
package failsafe

import (
	"io"
	"sync/atomic"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

//go:generate go run ../generate permit do

// Subject is failsafe.
var Subject = scenario.Subject{
	Name:  "failsafe",
	Forms: []scenario.Form{permitForm, doForm},
	Rule:  scenario.Consecutive,
	Loops: scenario.Merge(scenario.LogLoops(guard), scenario.Loops{
		scenario.Herd:  func() scenario.Loop { return herd(newBreaker(scenario.HerdScene)) },
		scenario.Cycle: func() scenario.Loop { return cycle(newBreaker(scenario.HalfOpenScene)) },
		scenario.CycleHook: func() scenario.Loop {
			var count atomic.Int64 // its hooks may run concurrently
			b := builder(scenario.HalfOpenScene).
				OnStateChanged(func(circuitbreaker.StateChangedEvent) { count.Add(1) }).
				Build()
			return cycle(&breaker{b, failsafe.With(b)})
		},
	}),
	Fleet: scenario.FleetOf[*breaker]{
		Largest: 1_000_000,
		New:     newBreaker,
		Fail:    func(b *breaker) { _ = b.Do(fail) },
		Succeed: func(b *breaker) bool { return b.Do(succeed) == nil },
	},
}

type breaker struct {
	cb       circuitbreaker.CircuitBreaker[any]
	executor failsafe.Executor[any]
}

func builder(s scenario.Scene) circuitbreaker.Builder[any] {
	delay := s.Timeout()
	if s.DueAtOnce {
		delay = 0
	}
	return circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(uint(min(s.Threshold, 1000))).
		WithSuccessThreshold(uint(s.Successes)).
		WithDelay(delay)
}

func newBreaker(s scenario.Scene) *breaker {
	b := builder(s).Build()
	return &breaker{b, failsafe.With(b)}
}

func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	for range scenario.CycleLength {
		_ = b.Do(fail)
	}
	return b
}

func (b *breaker) Do(fn func() error) error { return b.executor.Run(fn) }

type permit struct {
	cb circuitbreaker.CircuitBreaker[any]
}

func (b *breaker) TryAcquire() (permit, bool) {
	return permit{b.cb}, b.cb.TryAcquirePermit()
}

func (p permit) Success() { p.cb.RecordSuccess() }
func (p permit) Failure() { p.cb.RecordFailure() }

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }
func admitted()           { panic(scenario.UnexpectedAdmit) }

type writer struct {
	executor failsafe.Executor[any]
	w        io.Writer
}

func (g writer) Write(p []byte) (n int, err error) {
	err = g.executor.Run(func() (err error) {
		n, err = g.w.Write(p)
		return err
	})
	return n, err
}

func guard(w io.Writer) io.Writer {
	return writer{newBreaker(scenario.UsualScene).executor, w}
}
