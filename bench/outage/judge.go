// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// judge looks for every record that was offered.
func (t *trial) judge() (measure.Result, error) {
	r := measure.Result{
		Plan: t.Plan, Guard: t.Guard, Recorder: t.recorder,
		Total: t.counters.Now(), Notes: t.notes(),
	}
	inSink := make(measure.Tally, r.Total.Offered)
	inFallback := make(measure.Tally, r.Total.Offered)
	var v measure.Verdict
	var err error
	if t.spool != nil {
		v.Fallback, err = t.readSpool(inFallback)
	} else {
		v.Fallback, err = measure.ReadBack(t.fallbackFile, inFallback, t.Timeout)
	}
	if err != nil {
		return r, fmt.Errorf("read the fallback back: %w", err)
	}
	if t.Sink.Kind == sink.Embedded {
		v.Primary, err = measure.ReadBack(t.sinkFile, inSink, t.Timeout)
	} else {
		v.Believed, v.Primary.Records = true, t.taken.MergeInto(inSink)
	}
	if err != nil {
		return r, fmt.Errorf("read the sink's file back: %w", err)
	}
	r.Verdict = v.Complete(inSink, inFallback)
	return r, nil
}

// notes returns what a reader of the tables should know about this run.
func (t *trial) notes() (notes []string) {
	used := t.usedKinds()
	if t.logger != used[0] && !slices.Equal(used, loggerKinds) {
		notes = append(notes, fmt.Sprintf("%s is for %s alone, so all its goroutines log with that",
			t.Label, used[0]))
	}
	if n := t.load.behind.Load(); n > 0 {
		notes = append(notes, fmt.Sprintf("%s: calls that were due by the end and never made: %d",
			t.Label, n))
	}
	return notes
}
