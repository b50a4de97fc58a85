// SPDX-License-Identifier: Apache-2.0

package breakerslog_test

import (
	"context"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
)

// sink is an io.Writer that fails while it is set to down, and keeps the lines that it took.
type sink struct {
	mu    sync.Mutex
	down  bool
	taken []string
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return 0, errDown
	}
	s.taken = append(s.taken, string(p))
	return len(p), nil
}

func (s *sink) set(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *sink) having(part string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(strings.Join(s.taken, ""), part)
}

func jsonTo(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }

// within fails the test if f deadlocks.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		stacks := make([]byte, 1<<16)
		require.FailNow(t, "the logger deadlocks", "%s", stacks[:runtime.Stack(stacks, true)])
	}
}

// The asynchronous hook may log through the logger that it observes, for a whole outage. Reports of
// lost records and of the outage go elsewhere, and not to the sink.
func TestHandler_Hooks(t *testing.T) {
	primary, fallback, elsewhere := &sink{down: true}, &sink{}, &sink{}
	var logger *slog.Logger
	tell := slog.New(jsonTo(elsewhere))
	var transitions atomic.Uint32
	b := breaker(atomicbreaker.WithRecoveryTimeout(time.Millisecond), atomicbreaker.WithAsyncOnTransition(func(tr atomicbreaker.Transition) {
		logger.Info("transition", "to", tr.To) // may itself be a probe that fails
		transitions.Add(1)
	}))
	logger = slog.New(breakerslog.NewHandler(b, jsonTo(primary), jsonTo(fallback),
		breakerslog.WithOnLost(func(_ context.Context, r slog.Record, _ error) { tell.Info("lost " + r.Message) }),
		breakerslog.WithOnOutage(func(o breakerio.Outage) { tell.Info("outage", "lost", o.Lost) })))
	within(t, func() {
		fallback.set(true)
		logger.Info("a record")
		fallback.set(false)
		logger.Info("a record")
		logger.Info("a record")
		primary.set(false)
		for b.State() != atomicbreaker.Closed || transitions.Load() != b.Snapshot().Generation {
			logger.Info("more")
			runtime.Gosched()
		}
	})
	require.GreaterOrEqual(t, transitions.Load(), uint32(3))
	require.EqualValues(t, transitions.Load(), primary.having(`"transition"`)+fallback.having(`"transition"`))
	require.Equal(t, 1, elsewhere.having("lost a record"))
	require.Equal(t, 1, elsewhere.having(`"outage","lost":1`))
	require.Zero(t, primary.having("outage")+fallback.having("outage"))
	require.Equal(t, 2, fallback.having("a record"))
}

// byLevel sends records of a level and above to one handler, and all others to another.
type byLevel struct {
	slog.Handler
	level slog.Level
	above slog.Handler
}

func (h byLevel) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= h.level {
		return h.above.Handle(ctx, r)
	}
	return h.Handler.Handle(ctx, r)
}

// Routing by level still uses the fallback.
func TestHandler_RoutingKeepsTheFallback(t *testing.T) {
	b, low, high := breaker(), &sink{}, &sink{}
	down := jsonTo(&sink{down: true})
	logger := slog.New(byLevel{
		breakerslog.NewHandler(b, down, jsonTo(low)), slog.LevelError, breakerslog.NewHandler(b, down, jsonTo(high)),
	})
	for range 5 {
		logger.Info("record")
		logger.Error("record")
	}
	require.Equal(t, atomicbreaker.Open, b.State())
	require.Equal(t, 5, low.having("INFO"))
	require.Equal(t, 5, high.having("ERROR"))
	require.Len(t, append(low.taken, high.taken...), 10)
}

// Neither a healthy record nor a rejected one costs an allocation beyond those of the handlers.
func TestHandler_AllocatesNothing(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "-race" && setting.Value == "true" {
				t.Skip("the race detector's instrumentation is not the library's cost")
			}
		}
	}
	for _, state := range []string{"healthy", "rejected"} {
		t.Run(state, func(t *testing.T) {
			b := breaker()
			if state == "rejected" {
				b.Trip()
			}
			h := breakerslog.NewHandler(b, jsonTo(io.Discard), jsonTo(io.Discard))
			r := slog.NewRecord(time.Unix(0, 0), slog.LevelInfo, "record", 0)
			for i := range 3 {
				r.AddAttrs(slog.Int("k", i))
			}
			ctx := t.Context()
			_ = h.Handle(ctx, r) // the first record of an outage
			bare := jsonTo(io.Discard)
			want := testing.AllocsPerRun(1000, func() { _ = bare.Handle(ctx, r) })
			require.Equal(t, want, testing.AllocsPerRun(1000, func() { _ = h.Handle(ctx, r) }))
		})
	}
}
