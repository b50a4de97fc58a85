// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// A fallback that hangs until it is closed is closed after another 5 s.
func TestBatcher_ClosesAHungFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fallback := &stuck{closed: make(chan struct{}), err: errDown}
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), take{}, fallback,
			breakerio.WithOnLost(func([]byte, error) {})), breakerio.WithMaxBytes(8))
		go func() { _, _ = b.Write([]byte("too large\n")) }()
		synctest.Wait()
		require.ErrorContains(t, b.Close(), "fallback still closing")
		time.Sleep(guard.CloseTimeout)
		synctest.Wait()
		select {
		case <-fallback.closed:
		default:
			require.Fail(t, "the fallback is not closed")
		}
	})
}

// A fallback that hangs in an overflowing record does not keep Close from closing the primary,
// which may have buffered data to write.
func TestBatcher_CloseWithAHungOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, answer := &pages{}, make(chan struct{})
		fallback := sinkFunc(func(p []byte) (int, error) {
			<-answer
			return len(p), nil
		})
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sink, fallback), breakerio.WithMaxBytes(8))
		go func() { _, _ = b.Write([]byte("too large\n")) }()
		synctest.Wait()
		say(t, b, "1")
		began := time.Now()
		require.EqualError(t, b.Close(), `breakerio: "sink": fallback still closing: context deadline exceeded`)
		require.Less(t, time.Since(began), 6*time.Second)
		require.Equal(t, []string{"1\n"}, sink.all())
		require.Equal(t, 1, sink.closed)
		close(answer)
		synctest.Wait()
	})
}
