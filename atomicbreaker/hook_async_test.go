// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"bytes"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// flaky is a sink that can be switched off.
type flaky struct {
	down atomic.Bool
	file
}

func (f *flaky) Write(record []byte) (int, error) {
	if f.down.Load() {
		return 0, errDown
	}
	return f.file.Write(record)
}

// file is a buffer that is safe to read during a write.
type file struct {
	mu sync.Mutex
	bytes.Buffer
}

func (f *file) Write(record []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Buffer.Write(record)
}

func (f *file) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Buffer.String()
}

// The handlers of slog hold a mutex during a write, and the breaker opens inside that write. A
// synchronous hook that logs through the same handler would deadlock. An asynchronous one may log,
// and its record arrives.
func TestFault_AsyncHookMayLogThroughTheGuardedLogger(t *testing.T) {
	var sink flaky
	var fallback file
	var logger *slog.Logger
	logged := make(chan struct{}, 8)
	b := atomicbreaker.MustNew("loki", atomicbreaker.WithFailureThreshold(2),
		atomicbreaker.WithAsyncOnTransition(func(tr atomicbreaker.Transition) {
			logger.Warn("breaker", "to", tr.To, "cause", tr.Cause.String())
			logged <- struct{}{}
		}))
	logger = slog.New(slog.NewJSONHandler(&guard{b, &sink, &fallback}, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	within(t, func() {
		logger.Info("zero")
		sink.down.Store(true)
		logger.Info("one")
		logger.Info("two") // opens the breaker
		<-logged
		logger.Info("three")
		sink.down.Store(false)
		b.Reset()
		<-logged
		logger.Info("four")
	})
	require.Equal(t, `{"level":"INFO","msg":"one"}
{"level":"INFO","msg":"two"}
{"level":"WARN","msg":"breaker","to":"open","cause":"failure_threshold"}
{"level":"INFO","msg":"three"}
`, fallback.String())
	require.Equal(t, `{"level":"INFO","msg":"zero"}
{"level":"WARN","msg":"breaker","to":"closed","cause":"reset"}
{"level":"INFO","msg":"four"}
`, sink.String())
}
