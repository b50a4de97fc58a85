// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"time"
)

// result is what one guard's run has shown.
type result struct {
	plan
	guardInfo
	verdict verdict
	*recorder
	why   byReason // of the records in the fallback, if hasReasons
	notes []string // what a reader of the tables should know about this run
}

// plan is what a run was made with.
type plan struct {
	duration   time.Duration // of each guard's run
	timeout    time.Duration // how long a log call may wait for the sink
	goroutines int
	rate       int // records/s in all
	sink       endpoint
}

// guardInfo is what the tables and the picture say of a guard.
type guardInfo struct {
	name       string // on the command line, and of the files
	label      string // in all that is shown
	isJudged   bool   // the demo fails if its run is wrong
	hasBreaker bool
	hasReasons bool // it says why a record went to the fallback
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
	return r.verdict.foreign() > 0 || r.isJudged && r.verdict.lost != 0
}

// problem is what makes the demo fail. What the other guards lose is a finding, not a failure.
func (r result) problem() error {
	if !r.isJudged && r.verdict.foreign() == 0 {
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
