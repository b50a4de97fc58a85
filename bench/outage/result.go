// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// result is what one guard's run has shown.
type result struct {
	settings
	contender
	loggers []string
	verdict verdict
	*recorder
	behind uint64   // calls that were due at the end, and never made
	why    byReason // of the records in the fallback, if hasReasons
}

// judge looks for every record that was offered.
func (t *trial) judge() (result, error) {
	r := result{settings: t.settings, contender: t.contender, loggers: t.usedKinds(), recorder: t.recorder, behind: t.load.behind.Load()}
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

// during is how long a phase took and what was counted in it; 0 if it did not come.
func (r result) during(p phase) (time.Duration, counts) {
	begin, end := r.marks[p], r.marks[p+1]
	if !end.set {
		end = r.marks[phases]
	}
	if !begin.set || !end.set {
		return 0, counts{}
	}
	return end.at - begin.at, end.counts.minus(begin.counts)
}

// whileDown is what was counted while the sink took nothing.
func (r result) whileDown() (sum counts) {
	for p := range phases {
		if _, c := r.during(p); p.isDown() {
			sum.tried += c.tried
			sum.probes += c.probes
		}
	}
	return sum
}

// isWrong says whether the files of the run are worth keeping: as evidence.
func (r result) isWrong() bool {
	return r.verdict.foreign() > 0 || r.name == atomicBreaker && r.verdict.lost != 0
}

// problem is what makes the demo fail. What the other guards lose is a finding, not a failure.
func (r result) problem() error {
	if r.name != atomicBreaker && r.verdict.foreign() == 0 {
		return nil
	}
	if text := r.verdict.problem(); text != "" {
		return errors.New(text)
	}
	before, was := r.during(healthy)
	hung, is := r.during(hang)
	want, got := perSecond(was.returned, before)/2, perSecond(is.diverted, hung)
	if r.marks[resumed].set && got < want { // a hang that was cut short says nothing
		return fmt.Errorf("in the hang %.0f records/s reached the fallback: less than half of the healthy %.0f", got, 2*want)
	}
	return nil
}

// notes are what a reader of the tables should know about this run.
func (r result) notes() (notes []string) {
	if r.logger != r.loggers[0] && !slices.Equal(r.loggers, loggerKinds) {
		notes = append(notes, fmt.Sprintf("%s is for %s alone, so all its goroutines log with that", r.label, r.loggers[0]))
	}
	if r.behind > 0 {
		notes = append(notes, fmt.Sprintf("%s: calls that were due by the end and never made: %d", r.label, r.behind))
	}
	return notes
}
