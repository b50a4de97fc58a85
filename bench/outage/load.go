// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// phase is a part of the run whose log calls are measured apart.
type phase int32

const (
	healthy phase = iota
	outage
	recovered
	phases // how many there are
)

var phaseNames = [phases]string{"healthy", "outage", "recovered"}

// load is the application: goroutines that log numbered records.
type load struct {
	sink       io.Writer    // what the loggers write to
	phase      func() phase // which part of the run it is
	goroutines int
	rate       int // records/s in all; 0: no limit

	next atomic.Uint64 // the number that the next record gets; so also how many were offered
}

// run logs until ctx ends and returns how long the calls took, by phase. It does not interrupt a log call: each
// number that was given out has been through the guard when run returns.
func (l *load) run(ctx context.Context) latencies {
	parts := make([]latencies, l.goroutines)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range parts {
		parts[i] = newLatencies()
		wg.Go(func() { l.work(ctx, i, start, parts[i]) })
	}
	wg.Wait()
	all := newLatencies()
	for _, part := range parts {
		all.merge(part)
	}
	return all
}

// work is one goroutine. It has a handler of its own because slog's handlers hold a mutex while they write: behind one
// handler the goroutines would wait for each other, not for the sink.
func (l *load) work(ctx context.Context, id int, start time.Time, took latencies) {
	logger := slog.New(slog.NewJSONHandler(l.sink, nil)).With("worker", id)
	pace := newPacer(l.rate, l.goroutines, id, start)
	for pace.wait(ctx) {
		seq := l.next.Add(1) - 1
		began, during := time.Now(), l.phase()
		logger.LogAttrs(ctx, slog.LevelInfo, "order accepted",
			slog.Uint64("seq", seq), slog.String("item", "anvil, cast iron"), slog.Int("quantity", 3))
		elapsed := time.Since(began)
		if l.phase() == outage {
			during = outage // a call that the outage caught belongs to it
		}
		took.record(during, elapsed)
	}
}

// pacer spreads the records of one goroutine evenly over time.
type pacer struct {
	every time.Duration // 0: no limit
	due   time.Time
	timer *time.Timer
}

// maxLag is how far behind its schedule a goroutine tries to catch up. Without a limit a machine that cannot carry
// the rate to the sink would log its whole backlog, at the fallback's speed, the moment the breaker opens.
const maxLag = 50 * time.Millisecond

func newPacer(rate, goroutines, id int, start time.Time) *pacer {
	p := &pacer{timer: time.NewTimer(0)}
	if rate > 0 {
		p.every = time.Duration(goroutines) * time.Second / time.Duration(rate)
		p.due = start.Add(p.every * time.Duration(id) / time.Duration(goroutines))
	}
	return p
}

// wait returns when the next record is due, and false once ctx has ended.
func (p *pacer) wait(ctx context.Context) bool {
	if p.every > 0 {
		now := time.Now()
		if early := p.due.Sub(now); early > 0 {
			p.timer.Reset(early)
			select {
			case <-p.timer.C:
			case <-ctx.Done():
			}
		} else if early < -maxLag {
			p.due = now
		}
		p.due = p.due.Add(p.every)
	}
	return ctx.Err() == nil
}

// latencies holds the durations of log calls by phase. A histogram is not safe for concurrent use, so each goroutine has
// its own. They are the calls' own durations: the time that a late goroutine owes to its schedule is not in them.
type latencies [phases]*hdrhistogram.Histogram

const longestCall = time.Minute // what is longer counts as this long; the client's timeout is far below

func newLatencies() (l latencies) {
	for p := range l {
		l[p] = hdrhistogram.New(1, longestCall.Nanoseconds(), 3)
	}
	return l
}

func (l latencies) record(p phase, d time.Duration) {
	_ = l[p].RecordValue(min(max(d, 1), longestCall).Nanoseconds()) // in range, so never an error
}

func (l latencies) merge(other latencies) {
	for p := range l {
		l[p].Merge(other[p])
	}
}
