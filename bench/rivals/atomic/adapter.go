// SPDX-License-Identifier: Apache-2.0

// Package atomic is this library's breaker. Its loops are the source of all others.
package atomic

import (
	"io"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Subject is this library's breaker. Unlike the controls, it has hooks.
var Subject = scenario.Subject{
	Name:  "atomic",
	Forms: []scenario.Form{pairForm, permitForm, doForm},
	Rule:  scenario.Consecutive,
	Loops: scenario.Merge(scenario.LogLoops(guard), scenario.Loops{
		scenario.CycleHook: func() scenario.Loop {
			var count int
			hook := atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { count++ })
			return cycle(New(scenario.HalfOpenScene, hook))
		},
	}),
	Fleet: scenario.FleetOf[*breaker]{
		Largest: 1_000_000,
		New:     newBreaker,
		Fail:    func(b *breaker) { _ = b.Do(fail) },
		Succeed: func(b *breaker) bool { return b.Do(succeed) == nil },
		Release: (*breaker).Reset,
	},
}

// Timer is the cycle with a recovery timeout that is not 0. It starts a runtime timer at every trip
// and another at every closing, and waits until the runtime has run the first. Its rivals compare a
// deadline instead, which has already passed, except for eapache, which waits for a goroutine that
// sleeps.
var Timer = scenario.Subject{Name: "atomic_timer", Loops: scenario.Loops{
	scenario.Cycle: func() scenario.Loop {
		timeout := atomicbreaker.WithRecoveryTimeout(time.Nanosecond)
		return cycle(New(scenario.HalfOpenScene, timeout))
	},
}}

type breaker = atomicbreaker.Breaker

// New returns a breaker configured by s and more.
func New(s scenario.Scene, more ...atomicbreaker.Option) *atomicbreaker.Breaker {
	recovery := time.Hour
	if s.DueAtOnce {
		recovery = 0
	}
	return atomicbreaker.MustNew("bench", append([]atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(s.Threshold),
		atomicbreaker.WithHalfOpenMaxCalls(s.Probes),
		atomicbreaker.WithSuccessThreshold(s.Successes),
		atomicbreaker.WithRecoveryTimeout(recovery),
		atomicbreaker.WithProbeTimeout(0),
	}, more...)...)
}

func newBreaker(s scenario.Scene) *breaker { return New(s) }

func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	b.Trip()
	return b
}

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }
func admitted()           { panic(scenario.UnexpectedAdmit) }

// writer guards a writer by hand, as in the example of TryAcquire.
type writer struct {
	b *breaker
	w io.Writer
}

func guard(w io.Writer) io.Writer { return writer{newBreaker(scenario.UsualScene), w} }

func (g writer) Write(p []byte) (int, error) {
	permit, ok := g.b.TryAcquire()
	if !ok {
		return 0, scenario.ErrRejected
	}
	defer permit.Failure() // counts a panic as a failure; does nothing after a report
	n, err := g.w.Write(p)
	permit.Report(err)
	return n, err
}
