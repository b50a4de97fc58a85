// SPDX-License-Identifier: Apache-2.0

// Package rubyist measures github.com/rubyist/circuitbreaker, with its consecutive breaker and a
// constant back-off instead of its exponential one. It admits one probe at a time, without another
// limit, and every success closes it. Call has a timeout, which costs a goroutine for each call;
// here it is 0, which disables it. Its events go through channels, not hooks, so it is not in the
// cycle with a hook.
package rubyist

import (
	"io"

	"github.com/cenk/backoff"
	circuit "github.com/rubyist/circuitbreaker"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

//go:generate go run ../generate permit do

// Subject is rubyist.
var Subject = scenario.Subject{
	Name:  "rubyist",
	Forms: []scenario.Form{permitForm, doForm},
	Rule:  scenario.Consecutive,
	Loops: scenario.Merge(scenario.LogLoops(guard), scenario.Loops{
		scenario.Cycle: func() scenario.Loop { return cycle(newBreaker(scenario.HalfOpenScene)) },
	}),
	Fleet: scenario.FleetOf[*breaker]{
		Largest: 1_000_000,
		New:     newBreaker,
		Fail:    func(b *breaker) { _ = b.Do(fail) },
		Succeed: func(b *breaker) bool { return b.Do(succeed) == nil },
	},
}

type breaker circuit.Breaker

func newBreaker(s scenario.Scene) *breaker {
	return (*breaker)(circuit.NewBreakerWithOptions(&circuit.Options{
		BackOff:    backoff.NewConstantBackOff(s.Timeout()),
		ShouldTrip: circuit.ConsecutiveTripFunc(int64(s.LargeThreshold())),
	}))
}

func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	for range scenario.CycleLength {
		_ = b.Do(fail)
	}
	return b
}

func (b *breaker) Do(fn func() error) error { return (*circuit.Breaker)(b).Call(fn, 0) }

type permit struct{ cb *circuit.Breaker }

func (b *breaker) TryAcquire() (permit, bool) {
	return permit{(*circuit.Breaker)(b)}, (*circuit.Breaker)(b).Ready()
}

func (p permit) Success() { p.cb.Success() }
func (p permit) Failure() { p.cb.Fail() }

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }
func admitted()           { panic(scenario.UnexpectedAdmit) }

type writer struct {
	cb *circuit.Breaker
	w  io.Writer
}

func (g writer) Write(p []byte) (n int, err error) {
	err = g.cb.Call(func() (err error) {
		n, err = g.w.Write(p)
		return err
	}, 0)
	return n, err
}

func guard(w io.Writer) io.Writer {
	return writer{(*circuit.Breaker)(newBreaker(scenario.UsualScene)), w}
}
