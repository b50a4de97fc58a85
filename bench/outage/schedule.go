// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// schedule does to the sink what happens to sinks, and returns at the end of the run. Only a sink of the demo's own is
// touched; somebody's endpoint is theirs to stop.
func (t *trial) schedule(ctx context.Context) error {
	if t.sink.kind != embeddedSink {
		t.waitUntil(ctx, t.duration)
		return nil
	}
	for p := hang; p < phases; p++ {
		if !t.waitUntil(ctx, p.at(t.duration)) {
			return nil
		}
		t.forgetClosed()
		t.tellReasons(p - 1)
		t.recorder.enter(p)
		if err := t.begin(p); err != nil {
			return fmt.Errorf("%s: %w", phaseNames[p], err)
		}
	}
	if !t.waitUntil(ctx, t.duration) {
		return nil
	}
	t.tellReasons(phases - 1)
	return t.awaitClosed(ctx)
}

// tellReasons prints why records went to the fallback in the phase that ends, if any did and the guard says so.
func (t *trial) tellReasons(ending phase) {
	if why := t.counters.now().minus(t.recorder.begun(ending)).reasons; why.sum() > 0 {
		t.screen.event(t.recorder.since(), fmt.Sprintf("to the fallback: %s", why))
	}
}

// begin makes the phase what it is.
func (t *trial) begin(p phase) error {
	switch p {
	case hang:
		t.screen.event(t.recorder.since(), fmt.Sprintf("the sink hangs: SIGSTOP to process %d", t.process.pid()))
		return t.process.freeze()
	case resumed:
		t.screen.event(t.recorder.since(), fmt.Sprintf("the sink goes on: SIGCONT to process %d", t.process.pid()))
		return t.process.resume()
	case dead:
		t.screen.event(t.recorder.since(), fmt.Sprintf("the sink is killed: SIGKILL to process %d", t.process.pid()))
		t.addr = t.process.addr
		t.process.kill()
		t.process = nil
	case restarted:
		process, err := startSink(t.addr, t.sinkFile)
		if err != nil {
			return err
		}
		t.process = process
		t.screen.event(t.recorder.since(), fmt.Sprintf("the sink is back: process %d, same port", process.pid()))
	case healthy, phases:
	}
	return nil
}

// forgetClosed makes closed speak of the present phase.
func (t *trial) forgetClosed() {
	select {
	case <-t.closed:
	default:
	}
}

// awaitClosed makes sure that the run has shown what it is for.
func (t *trial) awaitClosed(ctx context.Context) error {
	if !t.hasBreaker || t.recorder.state() == isClosed {
		return nil
	}
	late, stop := context.WithTimeout(ctx, graceToClose)
	defer stop()
	select {
	case <-t.closed:
		return nil
	case <-late.Done():
		return errors.New("the breaker did not close again after the sink's return")
	}
}

// waitUntil waits for a moment of the run, and returns false if ctx ended before.
func (t *trial) waitUntil(ctx context.Context, moment time.Duration) bool {
	timer := time.NewTimer(moment - t.recorder.since())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
