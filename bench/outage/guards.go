// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"log/slog"
	"time"

	slogmulti "github.com/samber/slog-multi"
	"github.com/sony/gobreaker/v2"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// The breakers of both guards that have one are set alike: short enough for several failed probes within some seconds.
// A service would rather wait 30 s.
const (
	failureThreshold = 5
	recoveryTimeout  = 400 * time.Millisecond
)

// The states of a breaker, whatever its library calls them. noBreaker is that of a guard without one.
const (
	noBreaker  = "-"
	isClosed   = "closed"
	isOpen     = "open"
	isHalfOpen = "half_open"
)

// guard is a way to bring records past a sink that may be out.
type guard struct {
	logger    func(kind string) logFunc // a new logger of a kind, with the guard behind it
	nextProbe func() time.Duration      // how long until the breaker lets a probe through; nil: it does not say
	close     func()                    // nil: nothing to be done
}

// parts is what a guard is built from.
type parts struct {
	primary, fallback io.Writer
	timeout           time.Duration        // how long a log call may wait for the sink
	changed           func(to, why string) // to be called with each new state, in order; it must not block
}

// contender is a guard that can be built, so that every guard can have a sink and a breaker of its own.
type contender struct {
	name, about string
	kinds       []string // of loggers that it works with
	hasBreaker  bool
	build       func(parts) guard
}

const ours = "ours"

var contenders = []contender{
	{"bare", "the client with its timeout, nothing else", loggerKinds, false, newBare},
	{"failover", "github.com/samber/slog-multi Failover, to the fallback file", []string{"slog"}, false, newFailover},
	{"mutex", "github.com/sony/gobreaker/v2 around the client, the fallback file on any error", loggerKinds, true, newMutexBreaker},
	{ours, "breakerio.Writer over a breakerio.Lane, one per logger, one breaker", loggerKinds, true, newOurs},
}

func newBare(p parts) guard {
	return guard{logger: func(kind string) logFunc { return newLogger(kind, p.primary) }}
}

// newFailover writes each record to the first handler that takes it. There is no state: every record asks the sink first.
func newFailover(p parts) guard {
	return guard{logger: func(string) logFunc {
		return newSlog(slogmulti.Failover()(slog.NewJSONHandler(p.primary, nil), slog.NewJSONHandler(p.fallback, nil)))
	}}
}

// newMutexBreaker calls the sink through Execute, as that library is meant to be used. Its State method is not asked: it
// moves an open breaker that is due to half-open, so looking would change what is seen.
func newMutexBreaker(p parts) guard {
	breaker := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
		Name:        "loki",
		Timeout:     recoveryTimeout,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failureThreshold },
		IsExcluded:  isRecordError,
		OnStateChange: func(_ string, _, to gobreaker.State) {
			p.changed(map[gobreaker.State]string{
				gobreaker.StateClosed: isClosed, gobreaker.StateOpen: isOpen, gobreaker.StateHalfOpen: isHalfOpen,
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
	return guard{logger: func(kind string) logFunc { return newLogger(kind, guarded) }}
}

// newOurs gives each logger a Writer and a Lane of its own, so that loggers without a lock do not queue up behind each
// other, and all of them the one breaker of the sink.
func newOurs(p parts) guard {
	breaker := atomicbreaker.MustNew("loki",
		atomicbreaker.WithFailureThreshold(failureThreshold),
		atomicbreaker.WithRecoveryTimeout(recoveryTimeout),
		atomicbreaker.WithOnTransition(func(t atomicbreaker.Transition) { p.changed(t.To.String(), t.Cause.String()) }),
	)
	var lanes []*breakerio.Lane
	return guard{
		logger: func(kind string) logFunc {
			lane := breakerio.NewLane(p.primary, p.timeout)
			lanes = append(lanes, lane)
			return newLogger(kind, breakerio.NewWriter(breaker, lane, p.fallback, breakerio.WithRecordErrors(isRecordError)))
		},
		nextProbe: breaker.RetryAfter,
		close: func() {
			for _, lane := range lanes {
				_ = lane.Close()
			}
		},
	}
}

// writerFunc is a function as an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
