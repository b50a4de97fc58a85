// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// scene is a guard between a sink that answers what the test wants and a fallback that keeps
// everything.
type scene struct {
	mu       sync.Mutex
	tried    int
	answer   error // of the sink
	fallback bytes.Buffer
	states   []string
	why      measure.ByReason
	log      logFunc
}

func newScene(t *testing.T, name, kind string) *scene {
	t.Helper()
	s := &scene{}
	for _, c := range contenders {
		if c.Name != name {
			continue
		}
		g := c.build(parts{
			breakers: breakers.NewRegistry(),
			options:  new(settings).breakerOptions(),
			primary: writerFunc(func(p []byte) (int, error) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.tried++
				if s.answer != nil {
					return 0, s.answer
				}
				return len(p), nil
			}),
			fallback: &s.fallback,
			timeout:  30 * time.Second,
			changed:  func(to, _ string) { s.states = append(s.states, to) },
			diverted: func(why measure.Reason) { s.why[why]++ },
		})
		if g.close != nil {
			t.Cleanup(g.close)
		}
		s.log = g.logger(kind, 1)
		return s
	}
	t.Fatal("no guard is named", name)
	return nil
}

// logs logs n records, numbered from 0, and returns how many of them the sink was tried with and
// the fallback took.
func (s *scene) logs(t *testing.T, n int) (tried, diverted int) {
	t.Helper()
	s.mu.Lock()
	s.tried = 0
	s.mu.Unlock()
	s.fallback.Reset()
	for seq := range n {
		s.log(uint64(seq))
	}
	found, err := measure.ReadRecords(&s.fallback, make(measure.Tally, n), time.Second)
	require.NoError(t, err)
	assert.Zero(t, found.Torn)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried, found.Records
}

// What each guard does with a sink that refuses, in one table: whether it asks it again for every
// record, and what it diverts. In virtual time no breaker is due again before the last record,
// however busy the processors are.
func TestGuardsOfASinkThatIsOut(t *testing.T) {
	const records = 20
	for name, want := range map[string]struct{ tried, diverted int }{
		noGuard:       {records, 0},
		failover:      {records, records},
		goBreaker:     {failureThreshold, records},
		atomicBreaker: {failureThreshold, records},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, name, "slog")
				tried, diverted := s.logs(t, records)
				assert.Equal(t, []int{records, 0}, []int{tried, diverted}, "healthy")

				s.answer = &sink.StatusError{Code: http.StatusServiceUnavailable, Text: "busy"}
				tried, diverted = s.logs(t, records)
				assert.Equal(t, []int{want.tried, want.diverted}, []int{tried, diverted}, "out")
				if want.tried == failureThreshold {
					assert.Equal(t, []string{measure.Open}, s.states)
				} else {
					assert.Empty(t, s.states)
				}
			})
		})
	}
}

// A record that the sink refuses for its own sake opens no breaker, and is not lost where there is
// a fallback.
func TestGuardsOfARecordThatIsRefused(t *testing.T) {
	const records = 3 * failureThreshold
	for _, c := range contenders {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, c.Name, "slog")
				s.answer = &sink.StatusError{Code: http.StatusBadRequest, Text: "too long"}
				tried, diverted := s.logs(t, records)
				assert.Equal(t, records, tried)
				assert.Equal(t, map[bool]int{true: 0, false: records}[c.Name == noGuard], diverted)
				assert.Empty(t, s.states)
			})
		})
	}
}

func TestGuardsServeEveryLoggerThatTheyName(t *testing.T) {
	for _, c := range contenders {
		for _, kind := range c.kinds {
			t.Run(c.Name+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tried, _ := newScene(t, c.Name, kind).logs(t, 3)
					assert.Equal(t, 3, tried)
				})
			})
		}
	}
}

// hangs is what a hang of three seconds costs the callers of a guard, in virtual time.
type hangs struct {
	states  []string
	why     measure.ByReason
	waits   []int            // of each goroutine, its calls that took any time
	longest time.Duration    // of those that began after the breaker had opened
	kept    measure.Contents // in the fallback
}

// hang3s has goroutines log every 10 ms for three seconds, to a sink that answers nothing. Its
// client gives up as in a trial.
func hang3s(t *testing.T, name, kind string, timeout time.Duration, goroutines int) (h hangs) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		i := slices.IndexFunc(contenders, func(c contender) bool { return c.Name == name })
		c := contenders[i]
		var mu sync.Mutex
		var fallback bytes.Buffer
		locked := func(f func()) { mu.Lock(); defer mu.Unlock(); f() }
		isOpened := false
		g := c.build(parts{
			breakers: breakers.NewRegistry(),
			options:  new(settings).breakerOptions(),
			primary: writerFunc(func([]byte) (int, error) {
				time.Sleep(c.clientTimeout(timeout))
				return 0, errSink
			}),
			fallback: writerFunc(func(p []byte) (n int, err error) {
				locked(func() { n, err = fallback.Write(p) })
				return n, err
			}),
			timeout: timeout,
			changed: func(to, _ string) {
				locked(func() { h.states, isOpened = append(h.states, to), true })
			},
			diverted: func(why measure.Reason) { locked(func() { h.why[why]++ }) },
		})
		log := g.logger(kind, goroutines)
		h.waits = make([]int, goroutines)
		const calls = 300
		var wg sync.WaitGroup
		for id := range goroutines {
			wg.Go(func() {
				for i := range calls {
					const every = 10 * time.Millisecond
					next := time.Now().Truncate(every).Add(every + time.Duration(id))
					time.Sleep(time.Until(next))
					var opened bool
					locked(func() { opened = isOpened })
					began := time.Now()
					log(uint64(id*calls + i))
					locked(func() {
						if took := time.Since(began); took > 0 {
							h.waits[id]++
							if opened {
								h.longest = max(h.longest, took)
							}
						}
					})
				}
			})
		}
		wg.Wait()
		if g.close != nil {
			g.close()
		}
		time.Sleep(laneHeadroom * timeout) // the client gives up what it had begun
		seen := make(measure.Tally, goroutines*calls)
		found, err := measure.ReadRecords(&fallback, seen, time.Second)
		require.NoError(t, err)
		assert.NotContains(t, seen, uint8(0))
		h.kept = found
	})
	return h
}

// In a hang each caller of atomicbreaker waits for one timeout, whatever the logger, and none at
// all once the breaker is open: nobody waits for a probe.
func TestAtomicBreakerOfASinkThatHangs(t *testing.T) {
	const timeout = 100 * time.Millisecond
	// Virtual time stands still while a goroutine waits for a mutex, such as slog's.
	for kind, goroutines := range map[string]int{"slog": 1, "zap": 8, "zerolog": 8} {
		t.Run(kind, func(t *testing.T) {
			h := hang3s(t, atomicBreaker, kind, timeout, goroutines)
			assert.Zero(t, h.longest)
			for id, waits := range h.waits {
				assert.LessOrEqual(t, waits, 1, id)
			}
			assert.Equal(t, []string{measure.Open, measure.HalfOpen, measure.Open}, h.states[:3])
			assert.EqualValues(t, failureThreshold, h.why[measure.Hung], "one a timeout")
			assert.Zero(t, h.why[measure.Failed])
			assert.Positive(t, h.why[measure.Busy])
			assert.Positive(t, h.why[measure.Rejected])
			assert.EqualValues(t, h.kept.Records, h.why.Sum(), "each record for one reason")
			assert.Zero(t, h.kept.Torn)
		})
	}
}

// The same for gobreaker: the callers of the probes wait as long as the sink's client does.
func TestGobreakerOfASinkThatHangs(t *testing.T) {
	const timeout = 100 * time.Millisecond
	h := hang3s(t, goBreaker, "zap", timeout, 8)
	assert.Equal(t, timeout, h.longest)
	assert.Zero(t, h.why.Sum(), "it does not say")
}

// A healthy sink gets as many records at once as there are callers: none waits for its turn.
func TestAtomicBreakerMakesNoCallerWaitForItsTurn(t *testing.T) {
	for _, kind := range []string{"zap", "zerolog"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const goroutines = 8
				var together, done sync.WaitGroup
				together.Add(goroutines)
				g := newAtomicBreaker(parts{
					breakers: breakers.NewRegistry(),
					options:  new(settings).breakerOptions(),
					primary: writerFunc(func(p []byte) (int, error) {
						together.Done()
						together.Wait()
						return len(p), nil
					}),
					fallback: writerFunc(func([]byte) (int, error) { return 0, errSink }),
					timeout:  time.Second,
					changed:  func(string, string) {},
					diverted: func(measure.Reason) {},
				})
				log := g.logger(kind, goroutines)
				began := time.Now()
				for seq := range uint64(goroutines) {
					done.Go(func() { log(seq) })
				}
				done.Wait()
				assert.Zero(t, time.Since(began))
				g.close()
			})
		})
	}
}

func TestReasonOf(t *testing.T) {
	errHung := fmt.Errorf("lane: %w", breakerio.ErrHung)
	for want, d := range map[measure.Reason]breakerio.Diversion{
		measure.Rejected:    {Reason: breakerio.Rejected, Err: atomicbreaker.ErrRejected},
		measure.Failed:      {Reason: breakerio.Failed, Err: errSink},
		measure.Hung:        {Reason: breakerio.Failed, Err: errHung},
		measure.Busy:        {Reason: breakerio.Busy, Err: breakerio.ErrBusy},
		measure.RecordError: {Reason: breakerio.RecordError, Err: errSink},
	} {
		assert.Equal(t, want, reasonOf(d), measure.ReasonNames[want])
	}
	assert.Equal(t, measure.Failed,
		reasonOf(breakerio.Diversion{Reason: breakerio.Panicked, Err: errSink}))
}

func TestTrialDealsOutTheLoggers(t *testing.T) {
	for _, c := range contenders {
		for _, asked := range []string{allLoggers, "slog", "zap"} {
			s := defaults()
			s.logger = asked
			tr := newTrial(s, c, breakers.NewRegistry(), t.TempDir(), quiet{})
			switch {
			case len(c.kinds) == 1, asked == allLoggers:
				assert.Equal(t, c.kinds, tr.usedKinds(), c.Name)
			default:
				assert.Equal(t, []string{asked}, tr.usedKinds(), c.Name)
			}
			made, shared := 0, 0
			tr.guard = guard{logger: func(_ string, goroutines int) logFunc {
				made, shared = made+1, shared+goroutines
				return func(uint64) {}
			}}
			assert.Len(t, tr.loggers(), s.Goroutines)
			assert.Equal(t, len(tr.usedKinds()), made, "one of each kind, shared")
			assert.Equal(t, s.Goroutines, shared, "each goroutine by one logger")

			tr.Goroutines, made, shared = 1, 0, 0
			assert.Len(t, tr.loggers(), 1)
			assert.Equal(t, []int{1, 1}, []int{made, shared}, "no logger that nobody uses")
		}
	}
}
