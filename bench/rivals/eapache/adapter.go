// SPDX-License-Identifier: Apache-2.0

// Package eapache measures github.com/eapache/go-resiliency/breaker. It counts differently: errors
// without a pause of the timeout between them. A success clears nothing, so it need not write, and
// a sink that fails one record in a million is cut off in the end if there are enough records. It
// therefore has the function form alone, and is not compared with breakers that count consecutive
// failures. An open breaker keeps a goroutine, which sleeps until the timeout is over.
package eapache

import (
	"io"
	"time"

	resiliency "github.com/eapache/go-resiliency/breaker"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

//go:generate go run ../generate do

// Subject is eapache.
var Subject = scenario.Subject{
	Name:  "eapache",
	Forms: []scenario.Form{doForm},
	Rule:  scenario.Total,
	Loops: scenario.Merge(scenario.LogLoops(guard), scenario.Loops{
		scenario.Cycle: func() scenario.Loop { return cycle(newBreaker(scenario.HalfOpenScene)) },
	}),
	Fleet: scenario.FleetOf[*resiliency.Breaker]{
		Largest: 1_000_000,
		New: func(s scenario.Scene) *resiliency.Breaker {
			// A second, not an hour, because its goroutine cannot be stopped.
			return resiliency.New(s.Threshold, s.Successes, min(s.Timeout(), time.Second))
		},
		Fail:    func(b *resiliency.Breaker) { _ = b.Run(fail) },
		Succeed: func(b *resiliency.Breaker) bool { return b.Run(succeed) == nil },
		Release: func(b *resiliency.Breaker) {
			for b.GetState() == resiliency.Open {
				time.Sleep(time.Millisecond)
			}
		},
	},
}

type breaker resiliency.Breaker

func newBreaker(s scenario.Scene) *breaker {
	return (*breaker)(resiliency.New(s.LargeThreshold(), s.Successes, s.Timeout()))
}

func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	for range scenario.CycleLength {
		_ = b.Do(fail)
	}
	return b
}

func (b *breaker) Do(fn func() error) error { return (*resiliency.Breaker)(b).Run(fn) }

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }

type writer struct {
	b *resiliency.Breaker
	w io.Writer
}

func (g writer) Write(p []byte) (n int, err error) {
	err = g.b.Run(func() (err error) {
		n, err = g.w.Write(p)
		return err
	})
	return n, err
}

func guard(w io.Writer) io.Writer {
	return writer{(*resiliency.Breaker)(newBreaker(scenario.UsualScene)), w}
}
