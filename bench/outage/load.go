// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
)

// load is the application: goroutines that log numbered records on a fixed schedule. If a slow call
// delays the next ones, these are measured from when they were due, so that waiting counts in full
// (coordinated omission). No call is left out to catch up.
type load struct {
	loggers  []logFunc // one for each goroutine; several may share a logger
	rate     int       // records/s in all
	counters *measure.Counters
	recorder *measure.Recorder

	behind atomic.Uint64 // calls that were due at the end, and never made
}

// run logs until ctx ends. It interrupts no log call: when it returns, every record that has a
// number has passed the guard.
func (l *load) run(ctx context.Context) {
	var wg sync.WaitGroup
	for i, log := range l.loggers {
		wg.Go(func() { l.work(ctx, i, log) })
	}
	wg.Wait()
}

func (l *load) work(ctx context.Context, id int, log logFunc) {
	every := time.Duration(len(l.loggers)) * time.Second / time.Duration(l.rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	due := every * time.Duration(id) / time.Duration(len(l.loggers))
	for ; ; due += every {
		now := l.recorder.Since()
		from := due
		if early := due - now; early > 0 {
			timer.Reset(early)
			select {
			case <-timer.C:
			case <-ctx.Done():
				return
			}
			// No call was waiting yet. How late the timer is says nothing about the logger.
			from = l.recorder.Since()
		}
		if ctx.Err() != nil {
			l.behind.Add(uint64((now - due) / every))
			return
		}
		log(l.counters.Offered.Add(1) - 1)
		l.counters.Returned.Add(1)
		l.recorder.Record(from, l.recorder.Since())
	}
}
