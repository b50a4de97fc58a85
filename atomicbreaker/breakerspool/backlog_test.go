// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// A registry shows a spool next to the Writer whose fallback it is.
func TestBacklog_InARegistry(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	spool := openSpool(t, t.TempDir())
	w := breakerio.NewWriter(b, &sink{does: down}, spool)
	require.NoError(t, r.Attach(b, w))
	require.NoError(t, r.Attach(b, spool))
	write(t, w, "first\n", "second\n", "third\n")
	ctx, cancel := context.WithCancel(t.Context())
	taken := 0
	err := spool.Replay(ctx, b, &sink{does: func(p []byte) (int, error) {
		if taken++; taken == 2 {
			cancel()
		}
		return len(p), nil
	}})
	require.ErrorIs(t, err, context.Canceled)

	parts := r.Lookup("loki")[0].Parts
	require.Len(t, parts, 2)
	require.Equal(t, "*breakerspool.Spool", parts[1].Type)
	got := *parts[1].Backlog
	require.Equal(t, got, *r.Totals()[0].Backlog)
	want := spool.Stats()
	require.Equal(t, guard.Backlog{
		Records: 1, Bytes: want.Bytes, Oldest: want.Oldest, Appended: 3, Replayed: 2,
	}, got)
	require.Positive(t, got.Bytes)
	require.False(t, got.Oldest.IsZero())
	require.Equal(t, want, breakerspool.Stats(got))
	runtime.KeepAlive(b)
}
