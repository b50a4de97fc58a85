// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// broken is a sink that fails.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// spool is a part with a backlog.
type spool struct{ backlog guard.Backlog }

func (s *spool) Backlog() guard.Backlog { return s.backlog }

func TestAttach_EachKindOfPart(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	w := breakerio.NewWriter(b, broken{}, io.Discard)
	batcher := breakerio.NewBatcher(breakerio.NewWriter(b, io.Discard, nil))
	defer func() { _ = batcher.Close() }()
	h := breakerslog.NewHandler(b, slog.NewTextHandler(broken{}, nil), slog.NewTextHandler(io.Discard, nil))
	lane := breakerio.NewLane(io.Discard, time.Second)
	defer func() { _ = lane.Close() }()
	parts := []any{w, batcher, h, lane, &spool{guard.Backlog{Records: 3, Bytes: 100, Appended: 8, Replayed: 5}}}
	for _, part := range parts {
		require.NoError(t, r.Attach(b, part))
	}
	_, _ = w.Write([]byte("a record\n"))
	_, _ = batcher.Write([]byte("a record\n"))
	slog.New(h).Info("a record")
	require.Equal(t, []breakers.Part{
		{Type: "*breakerio.Writer", Writes: &breakerio.Stats{Fallback: 1, Failed: 1}},
		{Type: "*breakerio.Batcher", Batches: &breakerio.BatchStats{Records: 1, Waiting: 9}},
		{Type: "*breakerslog.Handler", Writes: &breakerio.Stats{Fallback: 1, Failed: 1}},
		{Type: "*breakerio.Lane", Writes: &breakerio.Stats{}},
		{Type: "*breakers_test.spool", Backlog: &guard.Backlog{Records: 3, Bytes: 100, Appended: 8, Replayed: 5}},
	}, entryOf(t, r, b).Parts)
}

func TestAttach_AgainChangesNothing(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	w := breakerio.NewWriter(b, io.Discard, nil)
	require.NoError(t, r.Attach(b, w))
	require.NoError(t, r.Attach(b, w))
	require.NoError(t, r.Attach(b, incomparable{}))
	require.NoError(t, r.Attach(b, incomparable{[]int{1}}))
	require.NoError(t, r.Attach(b, incomparable{[]int{1}}))
	require.Len(t, entryOf(t, r, b).Parts, 4)
}

// incomparable is a part that may hold a value for which == panics.
type incomparable struct{ of any }

func (incomparable) Stats() breakerio.Stats { return breakerio.Stats{} }

func TestAttach_Errors(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	other := atomicbreaker.MustNew("otlp")
	const want = ": want a *breakerio.Lane, or a method Stats() breakerio.Stats, " +
		"Stats() breakerio.BatchStats or Backlog() guard.Backlog"
	for _, tt := range []struct {
		breaker *atomicbreaker.Breaker
		part    any
		want    string
	}{
		{b, errors.New("no part"), `breakers: attach *errors.errorString to breaker "loki"` + want},
		{b, nil, `breakers: attach <nil> to breaker "loki": want a part, got nil`},
		{b, (*breakerio.Writer)(nil), `breakers: attach *breakerio.Writer to breaker "loki": want a part, got nil`},
		{nil, &spool{}, "breakers: attach *breakers_test.spool: want a breaker, got nil"},
		{other, &spool{}, `breakers: attach *breakers_test.spool to breaker "otlp": this registry did not make the breaker`},
		{
			breakers.NewRegistry().MustNew("udp"), &spool{},
			`breakers: attach *breakers_test.spool to breaker "udp": this registry did not make the breaker`,
		},
	} {
		require.EqualError(t, r.Attach(tt.breaker, tt.part), tt.want)
	}
	require.Empty(t, entryOf(t, r, b).Parts)
}

// A part may call functions of the user while it is read, and they may use the registry.
func TestAttach_APartMayUseTheRegistry(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	calls := 0
	require.NoError(t, r.Attach(b, part(func() breakerio.Stats {
		if calls++; calls == 3 {
			r.Totals()
		}
		return breakerio.Stats{}
	})))
	entryOf(t, r, b)
	require.Greater(t, calls, 3)
}

// part is a part that calls a function.
type part func() breakerio.Stats

func (f part) Stats() breakerio.Stats { return f() }
