// SPDX-License-Identifier: Apache-2.0

package breakerslog_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
)

var (
	errDown     = errors.New("down")
	errTooLarge = errors.New("record too large")
)

func breaker(opts ...atomicbreaker.Option) *atomicbreaker.Breaker {
	return atomicbreaker.MustNew("sink", append([]atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(3), atomicbreaker.WithRecoveryTimeout(time.Hour),
	}, opts...)...)
}

// The Handler passes slogtest on the healthy path and on the path through the fallback.
func TestHandler_Slogtest(t *testing.T) {
	for _, state := range []string{"healthy", "open"} {
		t.Run(state, func(t *testing.T) {
			var taken, unused bytes.Buffer
			slogtest.Run(t, func(*testing.T) slog.Handler {
				taken.Reset()
				b := breaker()
				primary, fallback := slog.NewJSONHandler(&taken, nil), slog.NewJSONHandler(&unused, nil)
				if state == "open" {
					b.Trip()
					primary, fallback = fallback, primary
				}
				return breakerslog.NewHandler(b, primary, fallback)
			}, func(t *testing.T) map[string]any {
				t.Helper()
				var m map[string]any
				require.NoError(t, json.Unmarshal(taken.Bytes(), &m))
				return m
			})
			require.Zero(t, unused.Len())
		})
	}
}

// scripted is a handler that follows a script, one step per record, and keeps the messages it took.
type scripted struct {
	mu     *sync.Mutex
	script *[]int
	taken  map[string]int
	level  slog.Level
}

func newScripted(script []int) scripted {
	return scripted{&sync.Mutex{}, &script, map[string]int{}, slog.LevelInfo}
}

func (s scripted) Enabled(_ context.Context, l slog.Level) bool { return l >= s.level }
func (s scripted) WithAttrs([]slog.Attr) slog.Handler           { return s }
func (s scripted) WithGroup(string) slog.Handler                { return s }

const (
	accept = iota
	fails
	tooLarge
	canceled
	panics
	exits
)

func (s scripted) Handle(_ context.Context, r slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := accept
	if len(*s.script) > 0 {
		step, *s.script = (*s.script)[0], (*s.script)[1:]
	}
	r.AddAttrs(slog.Int("added by the sink", step))
	switch step {
	case fails:
		return errDown
	case tooLarge:
		return errTooLarge
	case canceled:
		return fmt.Errorf("gave up: %w", context.Canceled)
	case panics:
		panic("broken")
	case exits:
		runtime.Goexit()
	}
	s.taken[r.Message]++
	if n := r.NumAttrs(); n != 7 {
		s.taken["wrong number of attributes"] += n
	}
	return nil
}

func TestHandler_OneBreakerForAllThatAreDerived(t *testing.T) {
	b := breaker()
	var fallback bytes.Buffer
	h := breakerslog.NewHandler(b, newScripted([]int{fails, fails, fails}), slog.NewTextHandler(&fallback, nil))
	require.Same(t, h, h.WithAttrs(nil))
	require.Same(t, h, h.WithGroup(""))
	logger := slog.New(h)
	logger.Info("1")
	logger.With("k", "v").Info("2")
	logger.WithGroup("g").Info("3", "k", "v")
	require.Equal(t, atomicbreaker.Open, b.State())
	require.Equal(t, 3, strings.Count(fallback.String(), "\n"), "the records that tripped it are in the fallback")
	require.Contains(t, fallback.String(), "msg=2 k=v")
	require.Contains(t, fallback.String(), "msg=3 g.k=v")
	require.Equal(t, uint64(3), h.Stats().Fallback)
}

func TestHandler_EnabledTakesNoPermit(t *testing.T) {
	b := breaker(atomicbreaker.WithRecoveryTimeout(0))
	b.Trip()
	h := breakerslog.NewHandler(b, newScripted(nil), newScripted(nil))
	require.True(t, h.Enabled(t.Context(), slog.LevelInfo))
	require.False(t, h.Enabled(t.Context(), slog.LevelDebug), "records that the primary is not enabled for are skipped")
	require.Equal(t, atomicbreaker.Open, b.State(), "the probe slot is free")
}

// A record that the fallback is not enabled for is lost and reported.
func TestHandler_FallbackThatIsNotEnabled(t *testing.T) {
	quiet := newScripted(nil)
	quiet.level = slog.LevelError
	b := breaker()
	b.Trip()
	var lost []error
	for _, fallback := range []slog.Handler{quiet, nil} {
		h := breakerslog.NewHandler(b, newScripted(nil), fallback, breakerslog.WithOnLost(
			func(_ context.Context, _ slog.Record, err error) { lost = append(lost, err) }))
		slog.New(h).WithGroup("g").With("k", "v").Info("record")
		require.Equal(t, breakerio.Stats{Lost: 1, Rejected: 1}, h.Stats())
	}
	require.Empty(t, quiet.taken)
	require.Len(t, lost, 2)
	require.ErrorIs(t, lost[0], atomicbreaker.ErrRejected)
	require.ErrorContains(t, lost[0], "not enabled")
}

func TestHandler_RecordErrorsAndCancelledContextsNeverTrip(t *testing.T) {
	b := breaker()
	fallback := newScripted(nil)
	h := breakerslog.NewHandler(b, newScripted(slices.Repeat([]int{tooLarge, canceled}, 50)), fallback,
		breakerslog.WithRecordErrors(func(err error) bool { return errors.Is(err, errTooLarge) }))
	for range 100 {
		slog.New(h).Info("1", "a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6)
	}
	require.Equal(t, map[string]int{"1": 100}, fallback.taken)
	require.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot())
}

func TestHandler_PanicGoesOnIfAsked(t *testing.T) {
	fallback := newScripted(nil)
	h := breakerslog.NewHandler(breaker(), newScripted([]int{panics}), fallback, breakerslog.WithRepanic())
	require.PanicsWithValue(t, "broken", func() { slog.New(h).Info("1", "a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6) })
	require.Equal(t, map[string]int{"1": 1}, fallback.taken)
	require.Panics(t, func() { breakerslog.NewHandler(nil, fallback, nil) })
	require.Panics(t, func() { breakerslog.NewHandler(breaker(), nil, nil) })
}

// fapilog sends to several sinks in parallel and asks a breaker twice per record, which leaves it
// half-open forever.
func TestHandler_FanOutRecovers(t *testing.T) {
	b := breaker(atomicbreaker.WithRecoveryTimeout(0))
	primary, fallback := newScripted(nil), newScripted(nil)
	sinks := []slog.Handler{breakerslog.NewHandler(b, primary, fallback), newScripted(nil), newScripted([]int{fails})}
	b.Trip()
	var wg sync.WaitGroup
	for _, sink := range sinks {
		wg.Go(func() { slog.New(sink).Info("1", "a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6) })
	}
	wg.Wait()
	require.Equal(t, atomicbreaker.Closed, b.State())
	require.Equal(t, map[string]int{"1": 1}, primary.taken)
}

// adder adds an attribute to each record, as a handler may do with its own clone.
type adder struct {
	slog.Handler
	key string
	err error
}

func (a adder) Handle(ctx context.Context, r slog.Record) error {
	r.AddAttrs(slog.Int(a.key, 1))
	return errors.Join(a.err, a.Handler.Handle(ctx, r))
}

func TestHandler_ClonesTheRecord(t *testing.T) {
	var got bytes.Buffer
	h := breakerslog.NewHandler(breaker(), adder{slog.DiscardHandler, "primary's", errDown},
		adder{slog.NewTextHandler(&got, nil), "fallback's", nil})
	var r slog.Record
	for i := range 16 { // enough attributes for spare capacity, which clones must not share
		r.AddAttrs(slog.Int("k", i))
	}
	require.NoError(t, h.Handle(t.Context(), r))
	require.NotContains(t, got.String(), "BUG")
	require.NotContains(t, got.String(), "primary's")
}

// A hook that ends the goroutine during admission does not lose the record.
func TestHandler_HookThatExits(t *testing.T) {
	b := breaker(atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0),
		atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
			if tr.To == atomicbreaker.HalfOpen {
				runtime.Goexit()
			}
		}))
	b.Trip()
	var got []string
	h := breakerslog.NewHandler(b, handlerFunc(discard), handlerFunc(func(_ context.Context, r slog.Record) error {
		got = append(got, r.Message)
		return nil
	}))
	returned, done := false, make(chan struct{})
	go func() {
		defer close(done)
		_ = h.Handle(t.Context(), record())
		returned = true
	}()
	<-done
	require.False(t, returned, "the hook ended the goroutine")
	require.Equal(t, []string{"record"}, got)
	require.Equal(t, uint64(1), h.Stats().Fallback)
}
