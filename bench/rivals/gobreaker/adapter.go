// SPDX-License-Identifier: Apache-2.0

package gobreaker

import (
	"io"

	"github.com/sony/gobreaker/v2"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// github.com/sony/gobreaker/v2 is configured like the others: consecutive failures, no interval
// that clears the counts. There are two differences. Its MaxRequests is both the number of probes
// and the number of successes that close, so in the herd it has 255 probes where ours has 4. And
// its shortest timeout is a nanosecond, because 0 means a minute.
var Subject = scenario.Subject{Name: "gobreaker", Loops: scenario.Merge(gobreakerPermitLoops, gobreakerDoLoops, scenario.LogLoops(gobreakerGuard), map[scenario.Scenario]func() scenario.Loop{
	scenario.Herd:  func() scenario.Loop { return gobreakerHerd(New(scenario.HerdScene)) },
	scenario.Cycle: func() scenario.Loop { return gobreakerCycle(New(scenario.HalfOpenScene)) },
	scenario.CycleHook: func() scenario.Loop {
		var count int
		settings := Settings(scenario.HalfOpenScene)
		settings.OnStateChange = func(string, gobreaker.State, gobreaker.State) { count++ }
		return gobreakerCycle(&Breaker{cb: gobreaker.NewCircuitBreaker[int](settings)})
	},
})}

// Breaker has both forms of call. They are two breakers, of which a user needs one.
type Breaker struct {
	cb      *gobreaker.CircuitBreaker[int]
	twoStep *gobreaker.TwoStepCircuitBreaker[int]
}

func Settings(s scenario.Scene) gobreaker.Settings {
	threshold := uint32(s.Never())
	return gobreaker.Settings{
		Name:        "bench",
		MaxRequests: uint32(s.Successes),
		Timeout:     s.Timeout(),
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= threshold },
	}
}

func New(s scenario.Scene) *Breaker {
	settings := Settings(s)
	return &Breaker{gobreaker.NewCircuitBreaker[int](settings), gobreaker.NewTwoStepCircuitBreaker[int](settings)}
}

func Open() *Breaker {
	b := New(scenario.UsualScene)
	for range scenario.CycleLength {
		_ = b.Do(gobreakerFail)
		if p, ok := b.TryAcquire(); ok {
			p.Failure()
		}
	}
	return b
}

func (b *Breaker) Do(fn func() (int, error)) error {
	_, err := b.cb.Execute(fn)
	return err
}

type gobreakerPermit struct{ done func(error) }

func (b *Breaker) TryAcquire() (gobreakerPermit, bool) {
	done, err := b.twoStep.Allow()
	return gobreakerPermit{done}, err == nil
}

func (p gobreakerPermit) Success() { p.done(nil) }
func (p gobreakerPermit) Failure() { p.done(scenario.ErrSink) }

func gobreakerSucceed() (int, error)      { return 0, nil }
func gobreakerFail() (int, error)         { return 0, scenario.ErrSink }
func gobreakerFailAdmitted() (int, error) { panic(scenario.UnexpectedAdmit) }
func gobreakerAdmitted()                  { panic(scenario.UnexpectedAdmit) }

type gobreakerWriter struct {
	cb *gobreaker.CircuitBreaker[int]
	w  io.Writer
}

func (g gobreakerWriter) Write(p []byte) (int, error) {
	return g.cb.Execute(func() (int, error) { return g.w.Write(p) })
}

func gobreakerGuard(w io.Writer) io.Writer {
	return gobreakerWriter{New(scenario.UsualScene).cb, w}
}
