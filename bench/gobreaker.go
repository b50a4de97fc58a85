// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"io"

	"github.com/sony/gobreaker/v2"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// github.com/sony/gobreaker/v2 is configured like the others: consecutive failures, no interval
// that clears the counts. There are two differences. Its MaxRequests is both the number of probes
// and the number of successes that close, so in the herd it has 255 probes where ours has 4. And
// its shortest timeout is a nanosecond, because 0 means a minute.
var gobreakerSubject = scenario.Subject{Name: "gobreaker", Loops: scenario.Merge(gobreakerPermitLoops, gobreakerDoLoops, scenario.LogLoops(gobreakerGuard), map[scenario.Scenario]func() scenario.Loop{
	scenario.Herd:  func() scenario.Loop { return gobreakerHerd(gobreakerNew(scenario.HerdScene)) },
	scenario.Cycle: func() scenario.Loop { return gobreakerCycle(gobreakerNew(scenario.HalfOpenScene)) },
	scenario.CycleHook: func() scenario.Loop {
		var count int
		settings := gobreakerSettings(scenario.HalfOpenScene)
		settings.OnStateChange = func(string, gobreaker.State, gobreaker.State) { count++ }
		return gobreakerCycle(&gobreakerBreaker{cb: gobreaker.NewCircuitBreaker[int](settings)})
	},
})}

// gobreakerBreaker has both forms of call. They are two breakers, of which a user needs one.
type gobreakerBreaker struct {
	cb      *gobreaker.CircuitBreaker[int]
	twoStep *gobreaker.TwoStepCircuitBreaker[int]
}

func gobreakerSettings(s scenario.Scene) gobreaker.Settings {
	threshold := uint32(s.Never())
	return gobreaker.Settings{
		Name:        "bench",
		MaxRequests: uint32(s.Successes),
		Timeout:     s.Timeout(),
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= threshold },
	}
}

func gobreakerNew(s scenario.Scene) *gobreakerBreaker {
	settings := gobreakerSettings(s)
	return &gobreakerBreaker{gobreaker.NewCircuitBreaker[int](settings), gobreaker.NewTwoStepCircuitBreaker[int](settings)}
}

func gobreakerOpen() *gobreakerBreaker {
	b := gobreakerNew(scenario.UsualScene)
	for range scenario.CycleLength {
		_ = b.Do(gobreakerFail)
		if p, ok := b.TryAcquire(); ok {
			p.Failure()
		}
	}
	return b
}

func (b *gobreakerBreaker) Do(fn func() (int, error)) error {
	_, err := b.cb.Execute(fn)
	return err
}

type gobreakerPermit struct{ done func(error) }

func (b *gobreakerBreaker) TryAcquire() (gobreakerPermit, bool) {
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
	return gobreakerWriter{gobreakerNew(scenario.UsualScene).cb, w}
}
