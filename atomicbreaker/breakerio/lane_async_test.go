// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// With asynchronous probes, a hang costs callers one timeout per failure until the breaker opens,
// and nothing after that. The sink's answer closes the breaker.
func TestLane_AsyncProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 100 * time.Millisecond
		sink, fallback := newValve(), &journal{}
		lane := breakerio.NewLane(sink, timeout)
		b := breaker(atomicbreaker.WithFailureThreshold(2))
		w := breakerio.NewWriter(b, lane, fallback, breakerio.WithAsyncProbes())
		offered, waited := 0, time.Duration(0)
		write := func() {
			offered++
			began := time.Now()
			_, err := fmt.Fprintf(w, "record %d.\n", offered)
			require.NoError(t, err)
			waited += time.Since(began)
			synctest.Wait()
		}
		for b.State() == atomicbreaker.Closed {
			write()
			time.Sleep(timeout / 10)
		}
		require.Equal(t, timeout, waited, "the second failure found every slot stuck")
		for range 200 {
			write()
			time.Sleep(timeout / 2)
		}
		require.Equal(t, timeout, waited)
		require.Equal(t, offered, fallback.having("record"))
		require.Equal(t, 1, sink.entries())

		sink.open()
		for b.State() != atomicbreaker.Closed {
			write()
			time.Sleep(timeout / 2)
		}
		require.Equal(t, timeout, waited)
		require.Equal(t, offered, fallback.having("record"), "a probe is in both sinks")
		require.Equal(t, uint64(2), w.Stats().Late, "the write that hung, and the probe")
		_, err := io.WriteString(w, "healthy\n")
		require.NoError(t, err)
		require.Zero(t, fallback.having("healthy"))
		require.NoError(t, w.Close())
	})
}
