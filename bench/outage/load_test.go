// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
)

// newLoad is a load of goroutines that all log with log.
func newLoad(goroutines, rate int, log logFunc) *load {
	l := &load{rate: rate, counters: &measure.Counters{}}
	for range goroutines {
		l.loggers = append(l.loggers, log)
	}
	l.recorder = measure.NewRecorder(time.Minute, l.counters.Now)
	return l
}

func TestLoadOffersEachNumberOnce(t *testing.T) {
	const records = 500
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var mu sync.Mutex
	seen := make(map[uint64]int)
	l := newLoad(8, 10_000, func(seq uint64) {
		mu.Lock()
		defer mu.Unlock()
		if seen[seq]++; len(seen) == records {
			cancel()
		}
	})
	l.run(ctx)
	offered := l.counters.Offered.Load()
	assert.GreaterOrEqual(t, offered, uint64(records))
	assert.Len(t, seen, int(offered))
	for seq := range offered {
		assert.Equal(t, 1, seen[seq], seq)
	}
	assert.Equal(t, offered, l.counters.Returned.Load())
	assert.EqualValues(t, offered, l.recorder.Calls[measure.Healthy].TotalCount(),
		"each call is measured")
}

// One call blocks for a time in which others were due: they are measured from then, and none of
// them is left out.
func TestLoadMeasuresFromWhenACallWasDue(t *testing.T) {
	const blocked = 200 * time.Millisecond
	const every = 10 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l := newLoad(1, int(time.Second/every), nil)
	l.loggers[0] = func(seq uint64) {
		switch {
		case seq == 0:
			time.Sleep(blocked) // the sink that hangs
		case seq == uint64(blocked/every): // the last one that was due meanwhile
			cancel()
		}
	}
	l.run(ctx)
	calls := l.recorder.Calls[measure.Healthy]
	require.GreaterOrEqual(t, calls.TotalCount(), int64(blocked/every))
	// Record n was due n*every after the start and could not be logged before blocked: half of them
	// waited for at least half of the time. Without the correction all but one would have taken no
	// time at all.
	assert.GreaterOrEqual(t, time.Duration(calls.ValueAtQuantile(60)), blocked/4)
	assert.GreaterOrEqual(t, time.Duration(calls.Max()), blocked*99/100)
}

func TestLoadCountsTheCallsThatItNeverMade(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l := newLoad(1, 1000, func(uint64) {
		time.Sleep(100 * time.Millisecond)
		cancel()
	})
	l.run(ctx)
	assert.EqualValues(t, 1, l.counters.Offered.Load())
	assert.GreaterOrEqual(t, l.behind.Load(), uint64(90))
}

// The loggers write what the readback looks for, each in one Write.
func TestLoggersWriteNumberedRecords(t *testing.T) {
	for _, kind := range loggerKinds {
		t.Run(kind, func(t *testing.T) {
			var written []string
			log := newLogger(kind, writerFunc(func(p []byte) (int, error) {
				written = append(written, string(p))
				return len(p), errSink // not printed on stderr, and not tried again
			}))
			log(0)
			log(1)
			require.Len(t, written, 2)
			seen := make(measure.Tally, 2)
			var found measure.Contents
			for _, line := range written {
				found.Add([]byte(line), seen, time.Second)
			}
			assert.Equal(t, measure.Contents{Records: 2}, found)
			assert.Equal(t, measure.Tally{1, 1}, seen)
		})
	}
}
