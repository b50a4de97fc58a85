// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// Shutdown may give up on a batch before the goroutine that took it has called the Writer. By then
// the Writer is closed. The batch is in the fallback and must not also be reported lost.
func TestBatcher_AbandonedBeforeItsWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var primary, fallback bytes.Buffer
		lost := 0
		w := NewWriter(atomicbreaker.MustNew("sink"), &primary, &fallback, WithOnLost(func([]byte, error) { lost++ }))
		b := NewBatcher(w)
		b.running = true // the test acts as the goroutine that writes
		_, err := b.Write([]byte("1\n"))
		require.NoError(t, err)
		b.mu.Lock()
		b.seal()
		b.mu.Unlock()
		c, _ := b.next()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, b.Shutdown(ctx), context.Canceled)
		b.deliver(c)
		require.Equal(t, "1\n", fallback.String())
		require.Empty(t, primary.String())
		require.Zero(t, lost)
		require.Equal(t, Stats{Fallback: 1, Busy: 1, Late: 1}, w.Stats())
		require.Equal(t, BatchStats{Records: 1, Batches: 1}, b.Stats())
	})
}
