// SPDX-License-Identifier: Apache-2.0

// Package handy measures github.com/streadway/handy/breaker. A goroutine owns the state and
// communicates through channels, which is another kind of lock-free design. It trips on a share of
// failures after ten calls, and admits one call every second; neither can be changed (its setters
// write to a copy). Success and Failure take the duration of the call, for which a user reads the
// clock; here they get 0.
package handy

import (
	"io"

	handy "github.com/streadway/handy/breaker"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

//go:generate go run ../generate permit

// Subject is handy.
var Subject = scenario.Subject{
	Name:  "handy",
	Forms: []scenario.Form{permitForm},
	Rule:  scenario.Share,
	Loops: scenario.LogLoops(guard),
}

type breaker struct{ handy.Breaker }

func newBreaker(s scenario.Scene) *breaker {
	ratio := 0.5
	if s == scenario.FlakyScene {
		ratio = 1 // never exceeded
	}
	return &breaker{handy.NewBreaker(ratio)}
}

func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	for b.Allow() {
		b.Failure(0)
	}
	return b
}

type permit struct{ handy.Breaker }

func (b *breaker) TryAcquire() (permit, bool) { return permit{b.Breaker}, b.Allow() }
func (p permit) Success()                     { p.Breaker.Success(0) }
func (p permit) Failure()                     { p.Breaker.Failure(0) }

func admitted() {} // it admits a call every second

type writer struct {
	b handy.Breaker
	w io.Writer
}

func (g writer) Write(p []byte) (int, error) {
	if !g.b.Allow() {
		return 0, scenario.ErrRejected
	}
	n, err := g.w.Write(p)
	if err != nil {
		g.b.Failure(0)
	} else {
		g.b.Success(0)
	}
	return n, err
}

func guard(w io.Writer) io.Writer { return writer{newBreaker(scenario.UsualScene), w} }
