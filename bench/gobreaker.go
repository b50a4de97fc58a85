// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"io"

	"github.com/sony/gobreaker/v2"
)

// github.com/sony/gobreaker/v2 is configured like the others: consecutive failures, no interval
// that clears the counts. There are two differences. Its MaxRequests is both the number of probes
// and the number of successes that close, so in the herd it has 255 probes where ours has 4. And
// its shortest timeout is a nanosecond, because 0 means a minute.
var gobreakerSubject = Subject{"gobreaker", merge(gobreakerPermitLoops, gobreakerDoLoops, logLoops(gobreakerGuard), map[Scenario]func() Loop{
	Herd:  func() Loop { return gobreakerHerd(gobreakerNew(herd)) },
	Cycle: func() Loop { return gobreakerCycle(gobreakerNew(halfOpen)) },
	CycleHook: func() Loop {
		var count int
		settings := gobreakerSettings(halfOpen)
		settings.OnStateChange = func(string, gobreaker.State, gobreaker.State) { count++ }
		return gobreakerCycle(&gobreakerBreaker{cb: gobreaker.NewCircuitBreaker[int](settings)})
	},
})}

// gobreakerBreaker has both forms of call. They are two breakers, of which a user needs one.
type gobreakerBreaker struct {
	cb      *gobreaker.CircuitBreaker[int]
	twoStep *gobreaker.TwoStepCircuitBreaker[int]
}

func gobreakerSettings(s scene) gobreaker.Settings {
	threshold := uint32(s.never())
	return gobreaker.Settings{
		Name:        "bench",
		MaxRequests: uint32(s.successes),
		Timeout:     s.timeout(),
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= threshold },
	}
}

func gobreakerNew(s scene) *gobreakerBreaker {
	settings := gobreakerSettings(s)
	return &gobreakerBreaker{gobreaker.NewCircuitBreaker[int](settings), gobreaker.NewTwoStepCircuitBreaker[int](settings)}
}

func gobreakerOpen() *gobreakerBreaker {
	b := gobreakerNew(usual)
	for range cycleLength {
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
func (p gobreakerPermit) Failure() { p.done(errSink) }

func gobreakerSucceed() (int, error)      { return 0, nil }
func gobreakerFail() (int, error)         { return 0, errSink }
func gobreakerFailAdmitted() (int, error) { panic(unexpectedAdmit) }
func gobreakerAdmitted()                  { panic(unexpectedAdmit) }

type gobreakerWriter struct {
	cb *gobreaker.CircuitBreaker[int]
	w  io.Writer
}

func (g gobreakerWriter) Write(p []byte) (int, error) {
	return g.cb.Execute(func() (int, error) { return g.w.Write(p) })
}

func gobreakerGuard(w io.Writer) io.Writer { return gobreakerWriter{gobreakerNew(usual).cb, w} }
