// SPDX-License-Identifier: Apache-2.0

// Package mutex is a control: the state machine of this library behind a sync.Mutex.
package mutex

import (
	"io"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
	"github.com/sinkguard/go-atomicbreaker/internal/locked"
)

//go:generate go run ../generate pair permit do

var Subject = scenario.Subject{
	Name:  "mutex",
	Forms: []scenario.Form{pairForm, permitForm, doForm},
	Rule:  scenario.Consecutive,
	Loops: scenario.LogLoops(guard),
	Fleet: scenario.FleetOf[*Breaker]{
		Largest: 1_000_000,
		New:     New,
		Fail:    func(b *Breaker) { _ = b.Do(fail) },
		Succeed: func(b *Breaker) bool { return b.Do(succeed) == nil },
	},
}

type Breaker = locked.Mutex

func New(s scenario.Scene) *Breaker { return locked.NewMutex(s.Params()) }

func Open() *Breaker {
	b := New(scenario.UsualScene)
	b.Trip()
	return b
}

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }
func admitted()           { panic(scenario.UnexpectedAdmit) }

type writer struct {
	b *Breaker
	w io.Writer
}

func guard(w io.Writer) io.Writer { return writer{New(scenario.UsualScene), w} }

func (g writer) Write(p []byte) (n int, err error) {
	err = g.b.Do(func() (err error) {
		n, err = g.w.Write(p)
		return err
	})
	return n, err
}
