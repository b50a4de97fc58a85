// SPDX-License-Identifier: Apache-2.0

// Package mutex is a control: the state machine of this library behind a sync.Mutex.
package mutex

import (
	"io"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
	"github.com/sinkguard/go-atomicbreaker/internal/locked"
)

//go:generate go run ../generate pair permit do

// Subject is mutex.
var Subject = scenario.Subject{
	Name:  "mutex",
	Forms: []scenario.Form{pairForm, permitForm, doForm},
	Rule:  scenario.Consecutive,
	Loops: scenario.LogLoops(guard),
	Fleet: scenario.FleetOf[*breaker]{
		Largest: 1_000_000,
		New:     newBreaker,
		Fail:    func(b *breaker) { _ = b.Do(fail) },
		Succeed: func(b *breaker) bool { return b.Do(succeed) == nil },
	},
}

type breaker = locked.Mutex

func newBreaker(s scenario.Scene) *breaker { return locked.NewMutex(s.Params()) }

func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	b.Trip()
	return b
}

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }
func admitted()           { panic(scenario.UnexpectedAdmit) }

type writer struct {
	b *breaker
	w io.Writer
}

func guard(w io.Writer) io.Writer { return writer{newBreaker(scenario.UsualScene), w} }

func (g writer) Write(p []byte) (n int, err error) {
	err = g.b.Do(func() (err error) {
		n, err = g.w.Write(p)
		return err
	})
	return n, err
}
