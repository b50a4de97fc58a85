// SPDX-License-Identifier: Apache-2.0

// Package measure has what a run of the demo shows: how long log calls took, what was counted when,
// and where the records are at the end.
package measure

import (
	"errors"
	"fmt"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// Result is what one guard's run has shown.
type Result struct {
	Plan
	Guard
	*Recorder
	Verdict     Verdict
	Total       Counts   // of the whole run, up to the last replayed record
	Interrupted bool     // the run did not come to its end
	Notes       []string // what a reader of the tables should know
}

// Plan is what a run was made with.
type Plan struct {
	Duration   time.Duration // of each guard's run
	Timeout    time.Duration // how long a log call may wait for the sink
	Goroutines int
	Rate       int // records/s in all
	Sink       sink.Endpoint
}

// Guard is what the tables and the picture say of a guard.
type Guard struct {
	Name       string // on the command line, and of the files
	Label      string // in all that is shown
	IsJudged   bool   // the demo fails if its run is wrong
	HasBreaker bool
	HasReasons bool // it says why a record went to the fallback
	HasSpool   bool // its fallback is a spool, which is replayed into the sink
}

// During returns how long a phase took and what was counted in it; 0 if it did not come.
func (r Result) During(p Phase) (time.Duration, Counts) {
	begin, end := r.Marks[p], r.Marks[p+1]
	if !end.Set {
		end = r.Marks[Phases]
	}
	if !begin.Set || !end.Set {
		return 0, Counts{}
	}
	return end.At - begin.At, end.Counts.Minus(begin.Counts)
}

// WhileDown returns what was counted while the sink took nothing.
func (r Result) WhileDown() (sum Counts) {
	for p := range Phases {
		if _, c := r.During(p); p.IsDown() {
			sum.Tried += c.Tried
			sum.Probes += c.Probes
		}
	}
	return sum
}

// IsEvidence reports whether the files of the run are worth keeping: something is wrong with the
// records, or a spool still has some.
func (r Result) IsEvidence() bool {
	v := r.Verdict
	return v.Foreign() > 0 || r.IsJudged && v.Lost > 0 || r.HasSpool && v.Stranded > 0
}

// mustDeliver reports whether every record has to be in the sink at the end. An endpoint of the
// user's own may still be down.
func (r Result) mustDeliver() bool {
	return r.HasSpool && !r.Interrupted && r.Sink.Kind == sink.Embedded
}

// Problem returns what makes the demo fail. What the other guards lose is a finding, not a failure.
func (r Result) Problem() error {
	if !r.IsJudged && r.Verdict.Foreign() == 0 {
		return nil
	}
	if text := r.Verdict.Problem(r.mustDeliver()); text != "" {
		return errors.New(text)
	}
	before, was := r.During(Healthy)
	hung, is := r.During(Hang)
	want, got := PerSecond(was.Returned, before)/2, PerSecond(is.Diverted, hung)
	if r.Marks[Resumed].Set && got < want { // a hang that was cut short says nothing
		return fmt.Errorf("in the hang %.0f records/s reached the fallback: "+
			"less than half of the healthy %.0f", got, 2*want)
	}
	return nil
}
