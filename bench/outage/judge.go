// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
)

// judge looks for every record that was offered.
func (t *trial) judge() (result, error) {
	r := result{plan: t.plan, guardInfo: t.guardInfo, recorder: t.recorder, notes: t.notes()}
	r.why = t.counters.now().reasons
	seen := make(tally, t.counters.offered.Load())
	var v verdict
	var err error
	if v.fallback, err = readBack(t.fallbackFile, seen, t.timeout); err != nil {
		return r, fmt.Errorf("read the fallback back: %w", err)
	}
	if t.sink.kind != embeddedSink {
		v.believed, v.primary.records = true, t.taken.mergeInto(seen)
		r.verdict = v.from(seen)
		return r, nil
	}
	if v.primary, err = readBack(t.sinkFile, seen, t.timeout); err != nil {
		return r, fmt.Errorf("read the sink's file back: %w", err)
	}
	r.verdict = v.from(seen)
	return r, nil
}

// notes are what a reader of the tables should know about this run.
func (t *trial) notes() (notes []string) {
	used := t.usedKinds()
	if t.logger != used[0] && !slices.Equal(used, loggerKinds) {
		notes = append(notes, fmt.Sprintf("%s is for %s alone, so all its goroutines log with that", t.label, used[0]))
	}
	if n := t.load.behind.Load(); n > 0 {
		notes = append(notes, fmt.Sprintf("%s: calls that were due by the end and never made: %d", t.label, n))
	}
	return notes
}
