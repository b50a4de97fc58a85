// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scene is a guard between a sink that does as it is told and a fallback that keeps everything.
type scene struct {
	mu       sync.Mutex
	tried    int
	answer   error // of the sink
	fallback bytes.Buffer
	states   []string
	log      logFunc
}

func newScene(t *testing.T, name, kind string) *scene {
	t.Helper()
	s := &scene{}
	for _, c := range contenders {
		if c.name != name {
			continue
		}
		g := c.build(parts{
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
		})
		if g.close != nil {
			t.Cleanup(g.close)
		}
		s.log = g.logger(kind)
		return s
	}
	t.Fatal("no guard is named", name)
	return nil
}

// logs logs n records, numbered from 0, and returns how many of them the sink was tried with and the fallback took.
func (s *scene) logs(t *testing.T, n int) (tried, diverted int) {
	t.Helper()
	s.mu.Lock()
	s.tried = 0
	s.mu.Unlock()
	s.fallback.Reset()
	for seq := range n {
		s.log(uint64(seq))
	}
	found, err := readRecords(&s.fallback, make(tally, n), time.Second)
	require.NoError(t, err)
	assert.Zero(t, found.torn)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried, found.records
}

// What each guard does with a sink that refuses, in one table: who asks it again for every record, who has a fallback.
// In virtual time no breaker is due again before the last record, however busy the processors are.
func TestGuardsOfASinkThatIsOut(t *testing.T) {
	const records = 20
	for name, want := range map[string]struct{ tried, diverted int }{
		"bare":     {records, 0},
		"failover": {records, records},
		"mutex":    {failureThreshold, records},
		ours:       {failureThreshold, records},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, name, "slog")
				tried, diverted := s.logs(t, records)
				assert.Equal(t, []int{records, 0}, []int{tried, diverted}, "healthy")

				s.answer = &statusError{http.StatusServiceUnavailable, "busy"}
				tried, diverted = s.logs(t, records)
				assert.Equal(t, []int{want.tried, want.diverted}, []int{tried, diverted}, "out")
				if want.tried == failureThreshold {
					assert.Equal(t, []string{isOpen}, s.states)
				} else {
					assert.Empty(t, s.states)
				}
			})
		})
	}
}

// A record that the sink refuses for its own sake opens no breaker, and is not lost where there is a fallback.
func TestGuardsOfARecordThatIsRefused(t *testing.T) {
	const records = 3 * failureThreshold
	for _, c := range contenders {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t, c.name, "slog")
				s.answer = &statusError{http.StatusBadRequest, "too long"}
				tried, diverted := s.logs(t, records)
				assert.Equal(t, records, tried)
				assert.Equal(t, map[bool]int{true: 0, false: records}[c.name == "bare"], diverted)
				assert.Empty(t, s.states)
			})
		})
	}
}

func TestGuardsServeEveryLoggerThatTheyName(t *testing.T) {
	for _, c := range contenders {
		for _, kind := range c.kinds {
			t.Run(c.name+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tried, _ := newScene(t, c.name, kind).logs(t, 3)
					assert.Equal(t, 3, tried)
				})
			})
		}
	}
}

// The sink never returns: one timeout, and the fallback has every record.
func TestOursOfASinkThatNeverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 20 * time.Millisecond
		release := make(chan struct{})
		var fallback bytes.Buffer
		var states []string
		g := newOurs(parts{
			primary:  writerFunc(func(p []byte) (int, error) { <-release; return len(p), nil }),
			fallback: &fallback,
			timeout:  timeout,
			changed:  func(to, _ string) { states = append(states, to) },
		})
		defer g.close()
		defer close(release)
		log := g.logger("slog")
		began := time.Now()
		for seq := range uint64(failureThreshold) { // a hang is one failure per timeout
			log(seq)
			time.Sleep(timeout)
		}
		assert.Equal(t, (failureThreshold+1)*timeout, time.Since(began))
		assert.Equal(t, []string{isOpen}, states)
		assert.Equal(t, recoveryTimeout-timeout, g.nextProbe())
		found, err := readRecords(&fallback, make(tally, failureThreshold), time.Second)
		require.NoError(t, err)
		assert.Equal(t, contents{records: failureThreshold}, found)
	})
}

func TestTrialDealsOutTheLoggers(t *testing.T) {
	for _, c := range contenders {
		for _, asked := range []string{allLoggers, "slog", "zap"} {
			s := defaults()
			s.logger = asked
			tr := newTrial(s, c, t.TempDir(), quiet{})
			switch {
			case len(c.kinds) == 1, asked == allLoggers:
				assert.Equal(t, c.kinds, tr.usedKinds(), c.name)
			default:
				assert.Equal(t, []string{asked}, tr.usedKinds(), c.name)
			}
			made := 0
			tr.guard = guard{logger: func(string) logFunc { made++; return func(uint64) {} }}
			assert.Len(t, tr.loggers(), s.goroutines)
			assert.Equal(t, len(tr.usedKinds()), made, "one of each kind, shared")
		}
	}
}
