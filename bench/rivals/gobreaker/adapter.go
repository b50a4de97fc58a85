// SPDX-License-Identifier: Apache-2.0

// Package gobreaker measures github.com/sony/gobreaker/v2. It is configured like the others:
// consecutive failures, no interval that clears the counts. There are two differences. Its
// MaxRequests is both the number of probes and the number of successes that close, so in the herd
// it has 255 probes where ours has 4. And its shortest timeout is a nanosecond, because 0 means a
// minute.
package gobreaker

import (
	"io"

	"github.com/sony/gobreaker/v2"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

//go:generate go run ../generate permit do

// Subject is gobreaker.
var Subject = scenario.Subject{
	Name:  "gobreaker",
	Forms: []scenario.Form{permitForm, doForm},
	Rule:  scenario.Consecutive,
	Loops: scenario.Merge(scenario.LogLoops(guard), scenario.Loops{
		scenario.Herd:  func() scenario.Loop { return herd(newBreaker(scenario.HerdScene)) },
		scenario.Cycle: func() scenario.Loop { return cycle(newBreaker(scenario.HalfOpenScene)) },
		scenario.CycleHook: func() scenario.Loop {
			var count int
			s := settings(scenario.HalfOpenScene)
			s.OnStateChange = func(string, gobreaker.State, gobreaker.State) { count++ }
			return cycle(&breaker{cb: gobreaker.NewCircuitBreaker[int](s)})
		},
	}),
	Fleet: scenario.FleetOf[*gobreaker.CircuitBreaker[int]]{
		Largest: 1_000_000,
		New: func(s scenario.Scene) *gobreaker.CircuitBreaker[int] {
			return gobreaker.NewCircuitBreaker[int](settings(s))
		},
		Fail: func(b *gobreaker.CircuitBreaker[int]) { _, _ = b.Execute(fail) },
		Succeed: func(b *gobreaker.CircuitBreaker[int]) bool {
			_, err := b.Execute(succeed)
			return err == nil
		},
	},
}

// breaker has both forms of call. They are two breakers, of which a user needs one.
type breaker struct {
	cb      *gobreaker.CircuitBreaker[int]
	twoStep *gobreaker.TwoStepCircuitBreaker[int]
}

func settings(s scenario.Scene) gobreaker.Settings {
	threshold := uint32(s.LargeThreshold())
	return gobreaker.Settings{
		Name:        "bench",
		MaxRequests: uint32(s.Successes),
		Timeout:     s.Timeout(),
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= threshold },
	}
}

func newBreaker(s scenario.Scene) *breaker {
	return &breaker{
		gobreaker.NewCircuitBreaker[int](settings(s)),
		gobreaker.NewTwoStepCircuitBreaker[int](settings(s)),
	}
}

func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	for range scenario.CycleLength {
		_ = b.Do(fail)
		if p, ok := b.TryAcquire(); ok {
			p.Failure()
		}
	}
	return b
}

func (b *breaker) Do(fn func() (int, error)) error {
	_, err := b.cb.Execute(fn)
	return err
}

type permit struct{ done func(error) }

func (b *breaker) TryAcquire() (permit, bool) {
	done, err := b.twoStep.Allow()
	return permit{done}, err == nil
}

func (p permit) Success() { p.done(nil) }
func (p permit) Failure() { p.done(scenario.ErrSink) }

func succeed() (int, error)      { return 0, nil }
func fail() (int, error)         { return 0, scenario.ErrSink }
func failAdmitted() (int, error) { panic(scenario.UnexpectedAdmit) }
func admitted()                  { panic(scenario.UnexpectedAdmit) }

type writer struct {
	cb *gobreaker.CircuitBreaker[int]
	w  io.Writer
}

func (g writer) Write(p []byte) (int, error) {
	return g.cb.Execute(func() (int, error) { return g.w.Write(p) })
}

func guard(w io.Writer) io.Writer {
	return writer{newBreaker(scenario.UsualScene).cb, w}
}
