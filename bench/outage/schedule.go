// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// schedule freezes, resumes, kills and restarts the sink, and returns at the end of the run. It
// does not touch the user's own endpoint.
func (t *trial) schedule(ctx context.Context) error {
	if t.Sink.Kind != sink.Embedded {
		t.waitUntil(ctx, t.Duration)
		return nil
	}
	for p := measure.Hang; p < measure.Phases; p++ {
		if !t.waitUntil(ctx, p.At(t.Duration)) {
			return nil
		}
		t.forgetClosed()
		t.showDiverted(p - 1)
		t.recorder.Enter(p)
		if err := t.begin(p); err != nil {
			return fmt.Errorf("%s: %w", measure.PhaseNames[p], err)
		}
	}
	if !t.waitUntil(ctx, t.Duration) {
		return nil
	}
	t.showDiverted(measure.Phases - 1)
	return t.awaitClosed(ctx)
}

// showDiverted shows why records went to the fallback in the phase that ends, if the guard says so,
// and how many are in its spool.
func (t *trial) showDiverted(ending measure.Phase) {
	if why := t.counters.Now().Minus(t.recorder.Begun(ending)).Reasons; why.Sum() > 0 {
		t.event("to the fallback: %s", why)
	}
	if t.spool != nil {
		t.event("in the spool: %d records", t.backlog())
	}
}

// event shows an event with the present time.
func (t *trial) event(format string, args ...any) {
	t.screen.Event(t.recorder.Since(), fmt.Sprintf(format, args...))
}

// begin does to the sink what makes the phase.
func (t *trial) begin(p measure.Phase) error {
	switch p {
	case measure.Hang:
		t.event("the sink hangs: SIGSTOP to process %d", t.process.PID())
		return t.process.Freeze()
	case measure.Resumed:
		t.event("the sink goes on: SIGCONT to process %d", t.process.PID())
		return t.process.Resume()
	case measure.Dead:
		t.event("the sink is killed: SIGKILL to process %d", t.process.PID())
		t.addr = t.process.Addr
		t.process.Kill()
		t.process = nil
	case measure.Restarted:
		process, err := sink.Start(t.addr, t.sinkFile)
		if err != nil {
			return err
		}
		t.process = process
		t.event("the sink is back: process %d, same port", process.PID())
	case measure.Healthy, measure.Phases:
	}
	return nil
}

// forgetClosed drains closed, which then has a value only if the breaker closes in this phase.
func (t *trial) forgetClosed() {
	select {
	case <-t.closed:
	default:
	}
}

// awaitClosed waits until the breaker has closed, and returns an error if it does not.
func (t *trial) awaitClosed(ctx context.Context) error {
	if !t.HasBreaker || t.recorder.State() == measure.Closed {
		return nil
	}
	late, stop := context.WithTimeout(ctx, t.graceToClose())
	defer stop()
	select {
	case <-t.closed:
		return nil
	case <-late.Done():
		return errors.New("the breaker did not close again after the sink's return")
	}
}

// waitUntil waits for a moment of the run. It returns false if ctx ends first.
func (t *trial) waitUntil(ctx context.Context, moment time.Duration) bool {
	timer := time.NewTimer(moment - t.recorder.Since())
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
