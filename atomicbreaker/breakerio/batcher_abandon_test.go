// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// Without a fallback, Shutdown reports the batch in flight as lost. If the primary then fails, the
// batch is not reported again.
func TestBatcher_AbandonedWithoutFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &stuck{closed: make(chan struct{}), err: errDown}
		var lost []string
		w := breakerio.NewWriter(breaker(), sink, nil, breakerio.WithOnLost(func(p []byte, err error) {
			require.ErrorIs(t, err, breakerio.ErrNoFallback)
			lost = append(lost, string(p))
		}))
		b := breakerio.NewBatcher(w)
		say(t, b, "1", "2")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, b.Shutdown(ctx))
		synctest.Wait()
		require.Equal(t, []string{"1\n2\n"}, lost)
		require.Equal(t, breakerio.Stats{Lost: 1, Busy: 1, Late: 1}, w.Stats())
	})
}

// A Sync that waits while Shutdown gives up returns the loss of a batch whose fallback ends the
// goroutine.
func TestBatcher_SyncOfAnAbandonedBatchWhoseFallbackExits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &stuck{closed: make(chan struct{}), err: errDown}
		exits := sinkFunc(func([]byte) (int, error) { runtime.Goexit(); return 0, nil })
		w := breakerio.NewWriter(breaker(), sink, exits, breakerio.WithOnLost(func([]byte, error) {}))
		b := breakerio.NewBatcher(w)
		say(t, b, "1")
		synced := make(chan error, 1)
		go func() { synced <- b.Sync() }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, b.Shutdown(ctx))
		require.Error(t, <-synced)
		require.Equal(t, uint64(1), w.Stats().Lost)
	})
}
