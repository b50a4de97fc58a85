// SPDX-License-Identifier: Apache-2.0

// Package hystrix measures github.com/afex/hystrix-go (unchanged since 2018). It does more than
// break: each command runs on a goroutine of its own, with a timeout and under a limit of
// concurrency, and its outcome goes through a channel to a rolling window. None of that can be
// turned off; the timeout is an hour and the limit exceeds the number of goroutines. It trips on
// the share of errors in ten seconds, which a later call detects, and sleeps for at least a
// millisecond, so it is not in the cycle.
package hystrix

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"github.com/afex/hystrix-go/hystrix"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

//go:generate go run ../generate do

// Subject is hystrix.
var Subject = scenario.Subject{
	Name:  "hystrix",
	Forms: []scenario.Form{doForm},
	Rule:  scenario.Share,
	Loops: scenario.LogLoops(guard),
}

// breaker is the name of a command, under which hystrix finds the breaker in a map.
type breaker struct{ command string }

var commands atomic.Int64

func newBreaker(s scenario.Scene) *breaker {
	name := fmt.Sprint("bench", commands.Add(1))
	percent := 100
	if s == scenario.FlakyScene {
		percent = 101
	}
	hystrix.ConfigureCommand(name, hystrix.CommandConfig{
		Timeout: 3_600_000, MaxConcurrentRequests: 10_000, RequestVolumeThreshold: s.Threshold,
		SleepWindow: 3_600_000, ErrorPercentThreshold: percent,
	})
	return &breaker{name}
}

// openBreaker fails calls until one is rejected: outcomes arrive late, and some that come too fast
// are dropped.
func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	for !errors.Is(b.Do(fail), hystrix.ErrCircuitOpen) {
		runtime.Gosched()
	}
	return b
}

func (b *breaker) Do(fn func() error) error { return hystrix.Do(b.command, fn, nil) }

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }

type writer struct {
	command string
	w       io.Writer
}

func (g writer) Write(p []byte) (n int, err error) {
	err = hystrix.Do(g.command, func() (err error) {
		n, err = g.w.Write(p)
		return err
	}, nil)
	return n, err
}

func guard(w io.Writer) io.Writer {
	return writer{newBreaker(scenario.UsualScene).command, w}
}
