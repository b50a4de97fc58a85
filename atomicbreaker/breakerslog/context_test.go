// SPDX-License-Identifier: Apache-2.0

package breakerslog_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
)

// handlerFunc is a function that is a handler.
type handlerFunc func(context.Context, slog.Record) error

func (handlerFunc) Enabled(context.Context, slog.Level) bool          { return true }
func (f handlerFunc) Handle(ctx context.Context, r slog.Record) error { return f(ctx, r) }
func (f handlerFunc) WithAttrs([]slog.Attr) slog.Handler              { return f }
func (f handlerFunc) WithGroup(string) slog.Handler                   { return f }
func respectsContext(ctx context.Context, _ slog.Record) error        { return ctx.Err() }
func discard(context.Context, slog.Record) error                      { return nil }
func record() slog.Record                                             { return slog.NewRecord(time.Unix(0, 0), slog.LevelInfo, "record", 0) }

type key struct{}

// A context that has already ended neither keeps a record from the sink nor trips a healthy
// breaker.
func TestHandler_EndedContext(t *testing.T) {
	b := breaker()
	values := 0
	primary := handlerFunc(func(ctx context.Context, _ slog.Record) error {
		if ctx.Value(key{}) == 1 {
			values++
		}
		return ctx.Err()
	})
	h := breakerslog.NewHandler(b, primary, handlerFunc(respectsContext))
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, 1), -1)
	defer cancel()
	for range 10 {
		slog.New(h).ErrorContext(ctx, "record")
	}
	require.Equal(t, 10, values)
	require.Equal(t, breakerio.Stats{}, h.Stats())
	require.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot())
	b.Trip()
	require.NoError(t, h.Handle(ctx, record()), "the fallback takes it too")
}

// Both sides accept a nil context, as slog's own handlers do.
func TestHandler_NilContext(t *testing.T) {
	b := breaker()
	var primary, fallback bytes.Buffer
	h := breakerslog.NewHandler(b, slog.NewTextHandler(&primary, nil), slog.NewTextHandler(&fallback, nil))
	var none context.Context
	require.NoError(t, h.Handle(none, slog.Record{Message: "1"}))
	b.Trip()
	require.NoError(t, h.Handle(none, slog.Record{Message: "2"}))
	require.Equal(t, "level=INFO msg=1\n", primary.String())
	require.Equal(t, "level=INFO msg=2\n", fallback.String())
}

// If the context ends during the call, the error does not vote, and the fallback still gets the
// record.
func TestHandler_ContextEndsDuringTheCall(t *testing.T) {
	b := breaker()
	var cancel context.CancelFunc
	h := breakerslog.NewHandler(b, handlerFunc(func(context.Context, slog.Record) error {
		cancel()
		return errors.New("write: i/o timeout")
	}), handlerFunc(respectsContext))
	for range 10 {
		ctx, end := context.WithCancel(t.Context())
		cancel = end
		require.NoError(t, h.Handle(ctx, record()))
		end()
	}
	require.Equal(t, breakerio.Stats{Fallback: 10, Failed: 10}, h.Stats())
	require.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot())
}

// A failure of the sink votes even if the caller's context had already ended.
func TestHandler_FailureUnderAnEndedContextVotes(t *testing.T) {
	b := breaker()
	h := breakerslog.NewHandler(b, handlerFunc(func(context.Context, slog.Record) error { return errDown }), handlerFunc(discard))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		require.NoError(t, h.Handle(ctx, record()))
	}
	require.Equal(t, atomicbreaker.Open, b.State())
}

// A ReplaceAttr that panics does so in both handlers. The sink is healthy and stays in use.
func TestHandler_ReplaceAttrThatPanicsDoesNotVote(t *testing.T) {
	b := breaker()
	options := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == "bad" {
			panic("ReplaceAttr")
		}
		return a
	}}
	lost := 0
	h := breakerslog.NewHandler(b, slog.NewJSONHandler(io.Discard, options), slog.NewTextHandler(io.Discard, options),
		breakerslog.WithOnLost(func(context.Context, slog.Record, error) { lost++ }))
	for range 5 {
		slog.New(h).Info("record", "bad", 1)
	}
	require.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot())
	require.Equal(t, 5, lost)
	require.Equal(t, breakerio.Stats{Lost: 5, Panicked: 5}, h.Stats())
}

func TestHandler_Options(t *testing.T) {
	var diversions []breakerio.Diversion
	b := breaker(atomicbreaker.WithFailureThreshold(1))
	h := breakerslog.NewHandler(b, handlerFunc(func(context.Context, slog.Record) error { return errDown }), nil,
		breakerslog.WithLossAsSuccess(), breakerslog.WithOnLost(func(context.Context, slog.Record, error) {}))
	require.NoError(t, h.Handle(t.Context(), record()))
	require.Equal(t, uint64(1), h.Stats().Lost)
	h = breakerslog.NewHandler(b, slog.DiscardHandler, handlerFunc(discard),
		breakerslog.WithOnDiverted(func(d breakerio.Diversion) { diversions = append(diversions, d) }))
	require.NoError(t, h.Handle(t.Context(), record()))
	require.Len(t, diversions, 1)
	require.Equal(t, breakerio.Rejected, diversions[0].Reason)
	require.ErrorIs(t, diversions[0].Err, atomicbreaker.ErrOpen)
}

type closing struct {
	handlerFunc
	did *[]string
}

func (c closing) Close() error { *c.did = append(*c.did, "closed"); return nil }

func TestHandler_Close(t *testing.T) {
	var did []string
	b := breaker()
	h := breakerslog.NewHandler(b, closing{discard, &did}, closing{discard, &did})
	derived := h.WithGroup("g")
	require.NoError(t, h.Close())
	require.Equal(t, []string{"closed", "closed"}, did)
	require.ErrorIs(t, derived.Handle(t.Context(), record()), fs.ErrClosed)
	require.EqualError(t, h.Handle(t.Context(), record()), `breakerslog: "sink": file already closed`)
	require.Equal(t, breakerio.Stats{}, h.Stats())
}

// A MultiHandler is recognized by its type name.
func TestNewHandler_RefusesAMultiHandler(t *testing.T) {
	multi := multiHandler(slog.DiscardHandler, slog.DiscardHandler)
	if multi == nil {
		t.Skip("log/slog has no MultiHandler")
	}
	require.Equal(t, "*slog.MultiHandler", reflect.TypeOf(multi).String())
	require.Panics(t, func() { breakerslog.NewHandler(breaker(), multi, nil) })
}
