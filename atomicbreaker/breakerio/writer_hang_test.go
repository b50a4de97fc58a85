// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/internal/goroutines"
)

// These loggers hold a mutex while they write. A goroutine that waits for a mutex does not count as
// idle in virtual time, so this test uses real time.
var locking = map[string]func(io.Writer) func(msg string){
	"slog": func(w io.Writer) func(string) {
		logger := slog.New(slog.NewJSONHandler(w, nil))
		return func(msg string) { logger.Info(msg) }
	},
	"log": func(w io.Writer) func(string) {
		logger := log.New(w, "", 0)
		return func(msg string) { logger.Print(msg) }
	},
}

// The sink hangs below a logger that holds its mutex. All callers together wait for one timeout,
// one goroutine is stuck, and the logger recovers together with the sink.
//
// The breaker does not open, so only the lane limits the wait: otherwise each caller would wait for
// a timeout, which takes callers × timeout. The bound is half of that, and much more than one
// timeout.
func TestHang_UnderALoggersMutex(t *testing.T) {
	const callers, timeout = 200, 100 * time.Millisecond
	for name, logTo := range locking {
		t.Run(name, func(t *testing.T) {
			sink, fallback := newValve(), &journal{}
			lanes := goroutines.Count("breakerio.(*Lane).")
			lane := breakerio.NewLane(sink, timeout)
			b := breaker(atomicbreaker.WithFailureThreshold(callers))
			w := guardLane(b, lane, fallback)
			say := logTo(w)
			began := time.Now()
			within(t, func() {
				var wg sync.WaitGroup
				for i := range callers {
					wg.Go(func() { say(fmt.Sprintf("record %d.", i)) })
				}
				wg.Wait()
			})
			require.Less(t, time.Since(began), callers*timeout/2)
			require.Equal(t, atomicbreaker.Closed, b.State(), "a hang is one failure per timeout, not per caller")
			for i := range callers {
				assert.Equal(t, 1, fallback.having(fmt.Sprintf("record %d.", i)))
			}
			require.Equal(t, 1, sink.entries(), "one write is stuck")
			require.LessOrEqual(t, goroutines.Count("breakerio.(*Lane)."), lanes+1, "only the goroutine of the lane is stuck")
			require.Zero(t, lane.Late())

			sink.open()
			require.Eventually(t, func() bool { return lane.Late() == 1 }, 30*time.Second, time.Millisecond)
			within(t, func() {
				say("the last one")
			})
			require.NoError(t, lane.Close())
			require.Contains(t, sink.String(), "the last one")
			stats := w.Stats()
			require.Zero(t, stats.Lost)
			require.Equal(t, uint64(callers), stats.Fallback)
		})
	}
}

// Without a lane, a sink that hangs blocks its caller, and under a mutex every caller. The breaker
// does not open, because no write returns. With the breaker open, no caller is blocked.
func TestHang_OpenBreakerHoldsNobody(t *testing.T) {
	for name, logTo := range locking {
		t.Run(name, func(t *testing.T) {
			sink, fallback := newValve(), &journal{}
			b := breaker(atomicbreaker.WithRecoveryTimeout(time.Hour))
			b.Trip()
			say := logTo(breakerio.NewWriter(b, sink, fallback))
			within(t, func() {
				for range 100 {
					say("record")
				}
			})
			require.Equal(t, 100, fallback.having("record"))
			require.Zero(t, sink.entries())
		})
	}
}
