// SPDX-License-Identifier: Apache-2.0

package breakerslog_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
)

// behaving is a handler that counts its records and then calls a function.
type behaving struct {
	slog.Handler
	records int
	does    func() error
}

func (h *behaving) Handle(context.Context, slog.Record) error {
	h.records++
	return h.does()
}

func newBehaving() *behaving {
	return &behaving{Handler: slog.DiscardHandler, does: func() error { return nil }}
}

func (h *behaving) Enabled(context.Context, slog.Level) bool { return true }

func TestHandler_SlowSinkTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker(atomicbreaker.WithSlowThreshold(time.Second))
		primary, fallback := newBehaving(), newBehaving()
		h := breakerslog.NewHandler(b, primary, fallback)
		for _, takes := range []time.Duration{time.Second, time.Second + 1, time.Second + 1, time.Second + 1} {
			primary.does = func() error { time.Sleep(takes); return nil }
			require.NoError(t, h.Handle(t.Context(), slog.Record{}))
		}
		require.Equal(t, atomicbreaker.Open, b.State())
		require.Equal(t, [2]int{4, 0}, [2]int{primary.records, fallback.records})
	})
}

// In a dry run the primary gets every record. A panic of the primary counts as a failure, not as a
// rejection.
func TestHandler_DryRun(t *testing.T) {
	b := breaker(atomicbreaker.WithDryRun())
	primary, fallback := newBehaving(), newBehaving()
	h := breakerslog.NewHandler(b, primary, fallback)
	b.ForceOpen()
	require.NoError(t, h.Handle(t.Context(), slog.Record{}))
	primary.does = func() error { return errDown }
	require.NoError(t, h.Handle(t.Context(), slog.Record{}))
	primary.does = func() error { panic(errDown) }
	require.NotPanics(t, func() { require.NoError(t, h.Handle(t.Context(), slog.Record{})) })
	require.Equal(t, [2]int{3, 2}, [2]int{primary.records, fallback.records})
}
