// SPDX-License-Identifier: Apache-2.0

package breakerzap_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzap"
)

// broken is a sink that takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errDown }
func (broken) Sync() error               { return nil }

// Both sides fail, and no option is set. Losses are reported on os.Stderr, with at most one line in
// 10 seconds.
func TestReportsLossesOnStderr(t *testing.T) {
	for name, core := range map[string]func(*atomicbreaker.Breaker) zapcore.Core{
		"syncer": func(b *atomicbreaker.Breaker) zapcore.Core {
			return zapcore.NewCore(encoder(), breakerzap.NewWriteSyncer(b, broken{}, broken{}), zap.InfoLevel)
		},
		"core": func(b *atomicbreaker.Breaker) zapcore.Core {
			down := zapcore.NewCore(encoder(), broken{}, zap.InfoLevel)
			return breakerzap.NewCore(b, down, down)
		},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
			require.NoError(t, err)
			before := os.Stderr
			os.Stderr = file
			defer func() { os.Stderr = before }()
			synctest.Test(t, func(*testing.T) {
				b := atomicbreaker.MustNew(name, atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(time.Hour))
				logger := zap.New(core(b), quiet)
				for range 1000 {
					logger.Info("record")
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
			})
			written, err := os.ReadFile(file.Name())
			require.NoError(t, err)
			require.NoError(t, file.Close())
			var lines []string
			for line := range strings.Lines(string(written)) {
				if strings.Contains(line, `"`+name+`"`) { // ignores other tests
					lines = append(lines, line)
				}
			}
			require.Equal(t, []string{
				`breakerzap: "` + name + `": lost 1 write: primary: down; fallback: down` + "\n",
				`breakerzap: "` + name + `": lost 999 writes: primary: rejected, breaker is open; fallback: down` + "\n",
			}, lines)
		})
	}
}

// slow is a sink that takes 5 ms for each record.
type slow struct {
	mu    sync.Mutex
	taken int
}

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(5 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken++
	return len(p), nil
}

// 64 goroutines log through a Lane to a sink that is slow but healthy. It stays in use at any
// width.
func TestWriteSyncer_ManyGoroutinesOnASlowSink(t *testing.T) {
	const goroutines, records = 64, 20
	for name, width := range map[string]int{"one at a time": 1, "all at once": goroutines} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink, fallback := &slow{}, &slow{}
				lane := breakerio.NewLane(sink, 20*time.Millisecond, breakerio.WithWidth(width))
				b := breaker(time.Second)
				w := breakerzap.NewWriteSyncer(b, lane, zapcore.AddSync(fallback))
				logger := zap.New(zapcore.NewCore(encoder(), w, zap.InfoLevel), quiet)
				var wg sync.WaitGroup
				began := time.Now()
				for range goroutines {
					wg.Go(func() {
						for range records {
							logger.Info("record")
						}
					})
				}
				wg.Wait()
				took := time.Since(began)
				stats := w.Stats()
				assert.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot(), "no failure was counted")
				assert.Equal(t, breakerio.Stats{Fallback: stats.Fallback, Busy: stats.Fallback}, stats)
				assert.Equal(t, goroutines*records, sink.taken+fallback.taken)
				if width > 1 {
					assert.Equal(t, records*5*time.Millisecond, took, "as fast as without the lane")
					assert.Zero(t, fallback.taken)
				} else {
					assert.GreaterOrEqual(t, sink.taken, int(took/(5*time.Millisecond))*9/10, "the sink is kept busy")
				}
				assert.NoError(t, w.Close())
			})
		})
	}
}
