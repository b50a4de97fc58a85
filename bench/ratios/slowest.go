// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// hangTimeout is how long a write to a hanging sink takes, until its client gives up.
const hangTimeout = 250 * time.Millisecond

const (
	hangThreshold = 3
	hangRecovery  = 300 * time.Millisecond
	hangWatched   = 2 * time.Second // after the breaker opens, three probes
	hangPause     = time.Millisecond
)

// slowestWhileOpen lets goroutines log through one slog handler to a sink that hangs. It returns
// the duration of the slowest log call among those that began after the breaker had opened. impl is
// "breakerio", a Writer with asynchronous probes over a Lane, or "gobreaker", which calls the
// client in the caller. The result is 0 for a breaker that does not open.
func slowestWhileOpen(impl string, goroutines int) time.Duration {
	var opened atomic.Bool
	w := hangGuards[impl](func() { opened.Store(true) })
	logger := slog.New(slog.NewJSONHandler(w, nil))
	started, watched := time.Now(), hangThreshold*hangTimeout+hangWatched
	var (
		mu      sync.Mutex
		slowest time.Duration
	)
	var done sync.WaitGroup
	for range goroutines {
		done.Go(func() {
			for begin := time.Since(started); begin < watched; begin = time.Since(started) {
				late := opened.Load()
				logger.Info(scenario.Message)
				if took := time.Since(started) - begin; late {
					mu.Lock()
					slowest = max(slowest, took)
					mu.Unlock()
				}
				time.Sleep(hangPause)
			}
		})
	}
	done.Wait()
	if c, ok := w.(io.Closer); ok {
		_ = c.Close()
	}
	return slowest
}

// hungClient is the client of a sink that hangs.
type hungClient struct{}

func (hungClient) Write([]byte) (int, error) {
	time.Sleep(hangTimeout)
	return 0, scenario.ErrSink
}

var hangGuards = map[string]func(opened func()) io.Writer{
	"breakerio": func(opened func()) io.Writer {
		b := atomicbreaker.MustNew("bench",
			atomicbreaker.WithFailureThreshold(hangThreshold),
			atomicbreaker.WithRecoveryTimeout(hangRecovery),
			atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { opened() }))
		lane := breakerio.NewLane(hungClient{}, hangTimeout)
		return breakerio.NewWriter(b, lane, scenario.Nowhere{}, breakerio.WithAsyncProbes())
	},
	"gobreaker": func(opened func()) io.Writer {
		b := gobreaker.NewCircuitBreaker[int](gobreaker.Settings{
			Timeout:       hangRecovery,
			OnStateChange: func(string, gobreaker.State, gobreaker.State) { opened() },
			ReadyToTrip: func(c gobreaker.Counts) bool {
				return c.ConsecutiveFailures >= hangThreshold
			},
		})
		return writerFunc(func(p []byte) (int, error) {
			n, err := b.Execute(func() (int, error) { return hungClient{}.Write(p) })
			if err != nil {
				return scenario.Nowhere{}.Write(p)
			}
			return n, nil
		})
	},
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
