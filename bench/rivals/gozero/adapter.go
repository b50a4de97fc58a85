// SPDX-License-Identifier: Apache-2.0

// Package gozero measures github.com/zeromicro/go-zero/core/breaker. It has no states and nothing
// to configure. It rejects calls with a probability that follows from the share of failures in the
// last ten seconds, and admits one every second all the same. It cannot trip after five failures,
// nor close after a success, so it is not in the cycle, the storm or the herd, and "open" means
// here that some thousands of calls have failed. A flaky sink does not trip it, because that takes
// more than a third of failures. For each rejected call it formats a line of a log.
//
// Importing it starts a goroutine that reads the processor usage four times a second and one that
// handles signals. It also logs to standard output, among the results, unless that is disabled.
package gozero

import (
	"io"

	gozero "github.com/zeromicro/go-zero/core/breaker"
	"github.com/zeromicro/go-zero/core/logx"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

//go:generate go run ../generate permit do

// Subject is gozero.
var Subject = scenario.Subject{
	Name:  "gozero",
	Forms: []scenario.Form{permitForm, doForm},
	Rule:  scenario.Share,
	Loops: scenario.LogLoops(guard),
	Fleet: scenario.FleetOf[gozero.Breaker]{
		Largest: 1000,
		New: func(scenario.Scene) gozero.Breaker {
			return gozero.NewBreaker(gozero.WithName("bench"))
		},
	},
}

func init() { logx.Disable() }

type breaker struct{ gozero.Breaker }

func newBreaker(scenario.Scene) *breaker {
	return &breaker{gozero.NewBreaker(gozero.WithName("bench"))}
}

func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	for range 10_000 {
		_ = b.Do(fail)
	}
	return b
}

type permit struct{ gozero.Promise }

func (b *breaker) TryAcquire() (permit, bool) {
	promise, err := b.Allow()
	return permit{promise}, err == nil
}

func (p permit) Success() { p.Accept() }
func (p permit) Failure() { p.Reject("failed") }

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { return scenario.ErrSink } // now and then it admits a call
func admitted()           {}

type writer struct {
	b gozero.Breaker
	w io.Writer
}

func (g writer) Write(p []byte) (n int, err error) {
	err = g.b.Do(func() (err error) {
		n, err = g.w.Write(p)
		return err
	})
	return n, err
}

func guard(w io.Writer) io.Writer { return writer{newBreaker(scenario.UsualScene), w} }
