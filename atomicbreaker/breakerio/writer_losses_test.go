// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// fapilog, from which this library derives, loses records in three ways.

// First: the records whose failure opens the breaker.
func TestLosses_RecordsThatTrip(t *testing.T) {
	b, fallback := breaker(), &journal{}
	w := breakerio.NewWriter(b, &journal{down: true}, fallback)
	for i := range 3 {
		require.Equal(t, atomicbreaker.Closed, b.State())
		_, err := fmt.Fprintf(w, "record %d", i)
		require.NoError(t, err)
	}
	require.Equal(t, atomicbreaker.Open, b.State())
	require.Equal(t, []string{"record 0", "record 1", "record 2"}, fallback.taken)
}

// Second: it sends a record to several sinks in parallel and asks each breaker twice, so a
// half-open breaker stays half-open.
func TestLosses_FanOutInParallelRecovers(t *testing.T) {
	type guarded struct {
		breaker           *atomicbreaker.Breaker
		primary, fallback *journal
		w                 io.Writer
	}
	var sinks []guarded
	for range 3 {
		b := breaker(atomicbreaker.WithRecoveryTimeout(time.Nanosecond), atomicbreaker.WithFailureThreshold(1))
		primary, fallback := &journal{down: true}, &journal{}
		sinks = append(sinks, guarded{b, primary, fallback, breakerio.NewWriter(b, primary, fallback)})
	}
	offer := func(record string) {
		var wg sync.WaitGroup
		for _, s := range sinks {
			wg.Go(func() { _, _ = io.WriteString(s.w, record) })
		}
		wg.Wait()
	}
	offer("down")
	for _, s := range sinks {
		require.NotEqual(t, atomicbreaker.Closed, s.breaker.State())
		s.primary.set(false)
		require.Eventually(t, func() bool { return s.breaker.Snapshot().ProbeDue }, 30*time.Second, time.Millisecond)
	}
	offer("up")
	offer("healthy")
	for _, s := range sinks {
		require.Equal(t, atomicbreaker.Closed, s.breaker.State())
		require.Equal(t, []string{"up", "healthy"}, s.primary.taken)
		require.Equal(t, []string{"down"}, s.fallback.taken)
	}
}

// Third: its routing by level ignores the fallback. A Writer does not know levels; several Writers
// to one sink, each with its own fallback, share a breaker.
func TestLosses_RoutingKeepsTheFallback(t *testing.T) {
	b, primary := breaker(), &journal{down: true}
	routes := map[string]*journal{"info": {}, "error": {}}
	for level, fallback := range routes {
		w := breakerio.NewWriter(b, primary, fallback)
		for range 3 {
			_, err := io.WriteString(w, level)
			require.NoError(t, err)
		}
		require.Equal(t, atomicbreaker.Open, b.State())
		require.Equal(t, uint64(3), w.Stats().Fallback)
	}
	for level, fallback := range routes {
		require.Equal(t, []string{level, level, level}, fallback.taken)
	}
}
