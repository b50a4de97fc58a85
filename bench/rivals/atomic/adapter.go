// SPDX-License-Identifier: Apache-2.0

// Package atomic is this library's breaker. Its loops are the source of all others.
package atomic

import (
	"io"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Subject has what the controls lack: a hook.
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
	Fleet: scenario.FleetOf[*Breaker]{
		Largest: 1_000_000,
		New:     func(s scenario.Scene) *Breaker { return New(s) },
		Fail:    func(b *Breaker) { _ = b.Do(fail) },
		Succeed: func(b *Breaker) bool { return b.Do(succeed) == nil },
		Release: (*Breaker).Reset,
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

type Breaker = atomicbreaker.Breaker

func New(s scenario.Scene, more ...atomicbreaker.Option) *Breaker {
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

func Open() *Breaker {
	b := New(scenario.UsualScene)
	b.Trip()
	return b
}

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }
func admitted()           { panic(scenario.UnexpectedAdmit) }

// writer guards a writer by hand, as shown in the README.
type writer struct {
	b *Breaker
	w io.Writer
}

func guard(w io.Writer) io.Writer { return writer{New(scenario.UsualScene), w} }

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
