// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// The breaker's settings: short enough for several failed probes within a run of some seconds. A service would
// rather wait 30 s.
const (
	failureThreshold = 5
	recoveryTimeout  = 500 * time.Millisecond
	longestRecovery  = 2 * time.Second
)

// graceToClose is how much longer than asked a run may take so that the breaker can close again: the longest wait for a
// probe, and some for a machine that is busy.
const graceToClose = longestRecovery + 3*time.Second

// trial is one run: a load behind a guard in front of a sink, and what is done to the sink meanwhile.
type trial struct {
	settings
	out      *reporter
	timeline *timeline
	guard    *guard
	load     *load
	process  *sinkProcess // nil while the sink is dead, and always with somebody's own endpoint

	sinkFile, fallbackFile string
}

func newTrial(s settings, dir string, out io.Writer) *trial {
	return &trial{
		settings:     s,
		out:          newReporter(out),
		timeline:     newTimeline(s.sink == ""),
		sinkFile:     filepath.Join(dir, "sink.jsonl"),
		fallbackFile: filepath.Join(dir, "fallback.jsonl"),
	}
}

// run goes through the whole trial. It ends early, but with a verdict, when ctx does. An error means that there is no
// verdict, or none about a whole outage.
func (t *trial) run(ctx context.Context) (verdict, error) {
	fallback, err := openRecords(t.fallbackFile)
	if err != nil {
		return verdict{}, err
	}
	defer func() { _ = fallback.Close() }()
	url := t.sink
	if t.sink == "" {
		if t.process, err = startSink("127.0.0.1:0", t.sinkFile); err != nil {
			return verdict{}, err
		}
		defer func() { t.stopSink() }()
		url = t.process.url()
	}
	primary := newHTTPSink(url, t.goroutines)
	t.guard = &guard{primary: primary, fallback: fallback}
	t.guard.breaker, err = atomicbreaker.New("http-sink",
		atomicbreaker.WithFailureThreshold(failureThreshold),
		atomicbreaker.WithRecoveryTimeout(recoveryTimeout),
		atomicbreaker.WithBackoff(longestRecovery),
		// Two hooks: the first only notes the moment, in the log call that caused it. The second prints, which may
		// block; no log call waits for it.
		atomicbreaker.WithOnTransition(t.timeline.observe),
		atomicbreaker.WithAsyncOnTransition(func(tr atomicbreaker.Transition) { t.out.transition(tr, t.guard.breaker) }),
	)
	if err != nil {
		return verdict{}, err
	}
	t.load = &load{sink: t.guard, phase: t.timeline.phase, goroutines: t.goroutines, rate: t.rate}

	t.out.introduce(t.settings, t.process, url)
	took, scheduleErr := t.play(ctx)
	primary.Close()
	t.stopSink()
	t.out.drain(t.guard.breaker)
	v, err := t.judge()
	if err != nil {
		return v, err
	}
	t.out.conclude(v, t.timeline.story().tell(t.guard.refused.Load()), took)
	if ctx.Err() != nil {
		return v, nil // it was cut short; what there is of it was judged
	}
	return v, scheduleErr
}

// play runs the load and, beside it, the schedule and the live line. It returns when all of them have ended.
func (t *trial) play(ctx context.Context) (latencies, error) {
	logging, stopLogging := context.WithCancel(context.Background())
	scheduled := make(chan error, 1)
	watched := make(chan struct{})
	go func() {
		err := t.schedule(ctx)
		if ctx.Err() != nil {
			t.out.event("interrupted: counting what there is")
		}
		scheduled <- err
		stopLogging()
	}()
	go func() {
		t.out.watch(logging, t.guard)
		close(watched)
	}()
	took := t.load.run(logging)
	<-watched
	return took, <-scheduled
}

// schedule does to the sink what happens to sinks.
func (t *trial) schedule(ctx context.Context) error {
	if t.sink != "" {
		wait(ctx, t.duration)
		return nil
	}
	dies, returns := t.duration*4/15, t.duration*9/15
	if !wait(ctx, dies) {
		return nil
	}
	addr := t.process.addr
	t.out.event("the sink is killed: SIGKILL to process %d", t.process.pid())
	t.timeline.sinkDies(t.counts())
	t.process.kill()
	t.process = nil

	if !wait(ctx, returns-dies) {
		return nil
	}
	t.timeline.sinkReturns(t.counts())
	process, err := startSink(addr, t.sinkFile)
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	t.process = process
	t.out.event("the sink is back: process %d, same port", process.pid())

	if !wait(ctx, t.duration-returns) {
		return nil
	}
	return t.awaitClosed(ctx)
}

// awaitClosed makes sure that the run has shown what it is for.
func (t *trial) awaitClosed(ctx context.Context) error {
	s, state := t.timeline.story(), t.guard.breaker.State()
	if s.closed.IsZero() && state == atomicbreaker.Closed {
		return fmt.Errorf("the breaker did not open: that takes %d failed records in a row, and %d were logged while the sink was down; raise -rate",
			failureThreshold, s.until.offered-s.before.offered)
	}
	late, stop := context.WithTimeout(ctx, graceToClose)
	defer stop()
	select {
	case <-t.timeline.recovered:
		return nil
	case <-late.Done():
		return fmt.Errorf("the breaker did not close within %s of the sink's return", time.Since(s.returned).Round(time.Second))
	}
}

func (t *trial) counts() counts {
	return counts{offered: t.load.next.Load(), refused: t.guard.refused.Load()}
}

// wait lets d pass, and returns false if ctx ended before.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// stopSink is for the sink that the demo started, if it is alive.
func (t *trial) stopSink() {
	if t.process != nil {
		t.process.stop()
		t.process = nil
	}
}

// judge looks for every record that was offered.
func (t *trial) judge() (v verdict, err error) {
	seen := make(tally, t.load.next.Load())
	if v.fallback, err = readBack(t.fallbackFile, seen); err != nil {
		return v, fmt.Errorf("read the fallback back: %w", err)
	}
	if t.sink != "" {
		return v.believing(seen, t.guard.accepted.Load()), nil
	}
	if v.primary, err = readBack(t.sinkFile, seen); err != nil {
		return v, fmt.Errorf("read the sink's file back: %w", err)
	}
	return v.from(seen), nil
}
