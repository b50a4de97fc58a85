// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"io"

	"github.com/cenk/backoff"
	circuit "github.com/rubyist/circuitbreaker"
)

// github.com/rubyist/circuitbreaker is used with its consecutive breaker and a constant back-off
// instead of its exponential one. It admits one probe at a time, without another limit, and every
// success closes it. Call has a timeout, which costs a goroutine for each call; here it is 0, which
// disables it. Its events go through channels, not hooks, so it is not in the cycle with a hook.
var rubyistSubject = Subject{"rubyist", merge(rubyistPermitLoops, rubyistDoLoops, logLoops(rubyistGuard), map[Scenario]func() Loop{
	Cycle: func() Loop { return rubyistCycle(rubyistNew(halfOpen)) },
})}

type rubyistBreaker circuit.Breaker

func rubyistNew(s scene) *rubyistBreaker {
	return (*rubyistBreaker)(circuit.NewBreakerWithOptions(&circuit.Options{
		BackOff:    backoff.NewConstantBackOff(s.timeout()),
		ShouldTrip: circuit.ConsecutiveTripFunc(int64(s.never())),
	}))
}

func rubyistOpen() *rubyistBreaker {
	b := rubyistNew(usual)
	for range cycleLength {
		_ = b.Do(rubyistFail)
	}
	return b
}

func (b *rubyistBreaker) Do(fn func() error) error { return (*circuit.Breaker)(b).Call(fn, 0) }

type rubyistPermit struct{ cb *circuit.Breaker }

func (b *rubyistBreaker) TryAcquire() (rubyistPermit, bool) {
	return rubyistPermit{(*circuit.Breaker)(b)}, (*circuit.Breaker)(b).Ready()
}

func (p rubyistPermit) Success() { p.cb.Success() }
func (p rubyistPermit) Failure() { p.cb.Fail() }

func rubyistSucceed() error      { return nil }
func rubyistFail() error         { return errSink }
func rubyistFailAdmitted() error { panic(unexpectedAdmit) }
func rubyistAdmitted()           { panic(unexpectedAdmit) }

type rubyistWriter struct {
	cb *circuit.Breaker
	w  io.Writer
}

func (g rubyistWriter) Write(p []byte) (n int, err error) {
	err = g.cb.Call(func() (err error) {
		n, err = g.w.Write(p)
		return err
	}, 0)
	return n, err
}

func rubyistGuard(w io.Writer) io.Writer {
	return rubyistWriter{(*circuit.Breaker)(rubyistNew(usual)), w}
}
