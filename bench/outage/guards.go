// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	slogmulti "github.com/samber/slog-multi"
	"github.com/sony/gobreaker/v2"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// Both breakers have these settings, unless -breaker changes those of atomicbreaker. With this
// recovery timeout several probes fail within seconds; a service would choose 30 s.
const (
	failureThreshold = 5
	recoveryTimeout  = 400 * time.Millisecond
)

// guard protects loggers from a sink that may be down.
type guard struct {
	// logger returns a new logger of a kind with the guard behind it, for so many goroutines.
	logger func(kind string, goroutines int) logFunc

	// nextProbe returns how long it is until the breaker admits a probe; nil: it does not say.
	nextProbe func() time.Duration

	// replay writes the records of the spool to the sink until ctx ends; nil without a spool.
	replay func(context.Context) error

	close func() // nil: there is nothing to close
}

// parts is what a guard is built from.
type parts struct {
	primary, fallback io.Writer
	timeout           time.Duration // how long a log call may wait for the sink

	breakers *breakers.Registry     // shows the breaker of a guard that can be registered
	options  []atomicbreaker.Option // of that breaker

	// changed is called with each new state of the breaker, in order. It does not block.
	changed func(to, why string)

	// diverted is called for each record that went to the fallback, if the guard knows why.
	diverted func(measure.Reason)

	spool    *breakerspool.Spool // the fallback of a guard that has a spool, else nil
	replayTo io.Writer           // the sink, by a connection of Replay's own
	replay   []breakerspool.ReplayOption
}

// contender builds a guard for a run of its own.
type contender struct {
	measure.Guard
	about string
	kinds []string // of loggers that it works with

	// A Lane limits how long a log call waits. Without one the client's timeout does.
	hasLane bool

	build func(parts) guard
}

// The names of the guards. The demo fails if atomicBreaker's run is wrong.
const (
	noGuard       = "none"
	failover      = "failover"
	goBreaker     = "gobreaker"
	atomicBreaker = "atomicbreaker"
)

var contenders = []contender{
	{
		Guard: measure.Guard{Name: noGuard, Label: "no breaker"},
		about: "the client with its timeout, nothing else",
		kinds: loggerKinds, build: newNoBreaker,
	}, {
		Guard: measure.Guard{Name: failover, Label: "slog-multi failover"},
		about: "the sink first, on any error the fallback",
		kinds: []string{"slog"}, build: newFailover,
	}, {
		Guard: measure.Guard{Name: goBreaker, Label: "gobreaker", HasBreaker: true},
		about: "sony/gobreaker around the client, fallback on any error",
		kinds: loggerKinds, build: newGobreaker,
	}, {
		Guard: measure.Guard{
			Name: atomicBreaker, Label: "atomicbreaker", IsJudged: true,
			HasBreaker: true, HasReasons: true, HasSpool: true,
		},
		about: "breakerio.Writer and Lane, asynchronous probes, spool",
		kinds: loggerKinds, hasLane: true, build: newAtomicBreaker,
	},
}

// A client behind a lane waits laneHeadroom times as long as the lane. The lane limits how long
// callers wait; the client's timeout ends requests that no caller waits for.
const laneHeadroom = 10

// clientTimeout is how long the client waits for the sink, if a log call may wait for timeout.
func (c contender) clientTimeout(timeout time.Duration) time.Duration {
	if c.hasLane {
		return laneHeadroom * timeout
	}
	return timeout
}

func newNoBreaker(p parts) guard {
	return guard{logger: func(kind string, _ int) logFunc { return newLogger(kind, p.primary) }}
}

// newFailover writes each record to the first handler that takes it. It has no state: it tries the
// sink first with every record.
func newFailover(p parts) guard {
	return guard{logger: func(string, int) logFunc {
		return newSlog(slogmulti.Failover()(
			slog.NewJSONHandler(p.primary, nil),
			slog.NewJSONHandler(p.fallback, nil),
		))
	}}
}

// newGobreaker calls the sink through Execute, as the library intends. It never calls State, which
// moves an open breaker to half-open when it is due and would so change the run.
func newGobreaker(p parts) guard {
	breaker := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Name:    "loki",
		Timeout: recoveryTimeout,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.ConsecutiveFailures >= failureThreshold
		},
		IsExcluded: sink.IsRecordError,
		OnStateChange: func(_ string, _, to gobreaker.State) {
			p.changed(map[gobreaker.State]string{
				gobreaker.StateClosed:   measure.Closed,
				gobreaker.StateOpen:     measure.Open,
				gobreaker.StateHalfOpen: measure.HalfOpen,
			}[to], "")
		},
	})
	guarded := writerFunc(func(record []byte) (int, error) {
		n, err := breaker.Execute(func() (int, error) { return p.primary.Write(record) })
		if err != nil {
			return p.fallback.Write(record)
		}
		return n, nil
	})
	return guard{logger: func(kind string, _ int) logFunc { return newLogger(kind, guarded) }}
}

// newAtomicBreaker gives each logger a Writer and a Lane of its own. All share the breaker of the
// sink and the fallback. The width of a lane is the number of callers that its logger has in Write
// at once. So no caller waits for its turn, and in a hang each waits for at most one timeout.
func newAtomicBreaker(p parts) guard {
	changed := atomicbreaker.WithOnTransition(func(t atomicbreaker.Transition) {
		p.changed(t.To.String(), t.Cause.String())
	})
	breaker := p.breakers.MustNew("loki", append(p.options, changed)...)
	show := func(part any) { _ = p.breakers.Attach(breaker, part) } // knows all parts
	var lanes []*breakerio.Lane
	g := guard{
		logger: func(kind string, goroutines int) logFunc {
			lane := breakerio.NewLane(p.primary, p.timeout,
				breakerio.WithWidth(writesAtOnce(kind, goroutines)))
			lanes = append(lanes, lane)
			writer := breakerio.NewWriter(breaker, lane, p.fallback,
				breakerio.WithAsyncProbes(),
				breakerio.WithRecordErrors(sink.IsRecordError),
				breakerio.WithOnDiverted(func(d breakerio.Diversion) { p.diverted(reasonOf(d)) }),
			)
			show(writer)
			return newLogger(kind, writer)
		},
		nextProbe: breaker.RetryAfter,
		close: func() {
			for _, lane := range lanes {
				_ = lane.Close()
			}
		},
	}
	if p.spool != nil {
		show(p.spool)
		g.replay = func(ctx context.Context) error {
			return p.spool.Replay(ctx, breaker, p.replayTo, p.replay...)
		}
	}
	return g
}

// reasonOf returns the reason of a diversion. It separates failures of the sink from hangs, which
// the lane reports.
func reasonOf(d breakerio.Diversion) measure.Reason {
	switch d.Reason {
	case breakerio.Rejected:
		return measure.Rejected
	case breakerio.Busy:
		return measure.Busy
	case breakerio.RecordError:
		return measure.RecordError
	case breakerio.Failed, breakerio.Panicked:
	}
	if errors.Is(d.Err, breakerio.ErrHung) {
		return measure.Hung
	}
	return measure.Failed
}

// writerFunc makes a function an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
