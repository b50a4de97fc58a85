// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoadOffersEachNumberOnce(t *testing.T) {
	for name, rate := range map[string]int{"paced": 2000, "unpaced": 0} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var file bytes.Buffer
			l := &load{goroutines: 8, rate: rate, phase: func() phase { return healthy }, sink: writerFunc(func(p []byte) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				return file.Write(p)
			})}
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			took := l.run(ctx)

			seen := make(tally, l.next.Load())
			found, err := readRecords(&file, seen)
			require.NoError(t, err)
			assert.Equal(t, contents{records: len(seen)}, found)
			lost, first := seen.missing()
			assert.Zero(t, lost, first)
			assert.EqualValues(t, len(seen), took[healthy].TotalCount())
			assert.Greater(t, len(seen), 8)
			if rate > 0 {
				assert.LessOrEqual(t, len(seen), 2*rate/5+8, "200 ms at that rate, generously")
			}
		})
	}
}

// The handlers have no lock in common: as many goroutines are in the sink at once as there are.
func TestLoadGoroutinesDoNotWaitForEachOther(t *testing.T) {
	const goroutines = 8
	var inside sync.WaitGroup
	inside.Add(goroutines)
	var once [goroutines]sync.Once
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l := &load{goroutines: goroutines, phase: func() phase { return healthy }, sink: writerFunc(func(p []byte) (int, error) {
		worker := bytes.Index(p, []byte(`"worker":`)) + len(`"worker":`)
		once[p[worker]-'0'].Do(func() {
			inside.Done()
			inside.Wait() // would wait for ever if a record had to be written before the next one could be
			cancel()
		})
		return len(p), nil
	})}
	done := make(chan struct{})
	go func() {
		l.run(ctx)
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("the goroutines wait for each other")
	}
}

// A call that the outage caught counts as the outage's, whether it began or ended in it.
func TestLoadPhaseOfACall(t *testing.T) {
	for name, c := range map[string]struct{ began, ended, want phase }{
		"inside":           {healthy, healthy, healthy},
		"the sink died":    {healthy, outage, outage},
		"the breaker shut": {outage, recovered, outage},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			now := c.began
			l := &load{goroutines: 1, phase: func() phase { return now }, sink: writerFunc(func(p []byte) (int, error) {
				now = c.ended
				cancel()
				return len(p), nil
			})}
			took := l.run(ctx)
			for p, h := range took {
				want := 0
				if phase(p) == c.want {
					want = 1
				}
				assert.EqualValues(t, want, h.TotalCount(), phaseNames[p])
			}
		})
	}
}

// A machine that cannot carry the rate does not save up what it could not log.
func TestPacerForgetsABacklog(t *testing.T) {
	p := newPacer(1000, 1, 0, time.Now().Add(-time.Hour))
	immediately := 0
	for began := time.Now(); time.Since(began) < 20*time.Millisecond; immediately++ {
		require.True(t, p.wait(context.Background()))
	}
	assert.Less(t, immediately, 200, "an hour's backlog would be 3,600,000 records")
}

func TestPacerEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	began := time.Now()
	p := newPacer(1, 1, 0, began.Add(time.Hour))
	assert.False(t, p.wait(ctx))
	assert.Less(t, time.Since(began), 10*time.Second)
}
