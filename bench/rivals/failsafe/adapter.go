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

var Subject = scenario.Subject{
	Name:  "failsafe",
	Forms: []scenario.Form{permitForm, doForm},
	Rule:  scenario.Consecutive,
	Loops: scenario.Merge(scenario.LogLoops(guard), scenario.Loops{
		scenario.Herd:  func() scenario.Loop { return herd(New(scenario.HerdScene)) },
		scenario.Cycle: func() scenario.Loop { return cycle(New(scenario.HalfOpenScene)) },
		scenario.CycleHook: func() scenario.Loop {
			var count atomic.Int64 // its hooks may run concurrently
			b := builder(scenario.HalfOpenScene).
				OnStateChanged(func(circuitbreaker.StateChangedEvent) { count.Add(1) }).
				Build()
			return cycle(&Breaker{b, failsafe.With(b)})
		},
	}),
	Fleet: scenario.FleetOf[*Breaker]{
		Largest: 1_000_000,
		New:     New,
		Fail:    func(b *Breaker) { _ = b.Do(fail) },
		Succeed: func(b *Breaker) bool { return b.Do(succeed) == nil },
	},
}

type Breaker struct {
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

func New(s scenario.Scene) *Breaker {
	b := builder(s).Build()
	return &Breaker{b, failsafe.With(b)}
}

func Open() *Breaker {
	b := New(scenario.UsualScene)
	for range scenario.CycleLength {
		_ = b.Do(fail)
	}
	return b
}

func (b *Breaker) Do(fn func() error) error { return b.executor.Run(fn) }

type Permit struct {
	cb circuitbreaker.CircuitBreaker[any]
}

func (b *Breaker) TryAcquire() (Permit, bool) {
	return Permit{b.cb}, b.cb.TryAcquirePermit()
}

func (p Permit) Success() { p.cb.RecordSuccess() }
func (p Permit) Failure() { p.cb.RecordFailure() }

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
	return writer{New(scenario.UsualScene).executor, w}
}
