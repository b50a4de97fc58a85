// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// judge compares the files with the offered lines and with the adapter's counts.
func (r *lineRun) judge(stats breakerio.Stats, idle atomicbreaker.Snapshot) error {
	j := lineJudge{lineRun: r, stats: stats}
	for _, breach := range slices.Concat(r.breaches, r.primary.breaches, r.fallback.breaches) {
		j.demand(false, "%s", breach)
	}
	j.read("the primary", r.primary)
	j.read("the fallback", r.fallback)
	j.judgeLines()
	j.judgeOrder()
	j.judgeResults()
	j.judgeCounts()
	j.judgeVotes()
	j.judgeEnd()
	if !r.fixture.Async && !r.fixture.Batcher { // with these a probe may still be running
		j.demand(idle.HalfOpenCalls == 0, "a permit was not settled: %+v", idle)
	}
	return errors.Join(j.wrong...)
}

type lineJudge struct {
	*lineRun

	stats breakerio.Stats
	twice uint64 // writes that the primary acknowledged, to a caller that had given up, or to none
	wrong []error
}

func (j *lineJudge) demand(ok bool, format string, args ...any) {
	if !ok {
		j.wrong = append(j.wrong, fmt.Errorf(format, args...))
	}
}

// acknowledged returns the lines that a file has taken with a call, as far as its caller knows.
func (r *lineRun) acknowledged(c *call) []string {
	switch {
	case c.lied:
		return nil
	case c.whole:
		return slices.Collect(strings.Lines(c.text))
	case r.plan.whole:
		return nil
	}
	return wholeLines(c.stored())
}

// late reports whether the caller of a call of the primary gave up before its end.
func (j *lineJudge) late(c *call) bool { return c.hung && j.fixture.Lane }

// wholeLines returns the lines of a text that have their newline.
func wholeLines(text string) []string {
	return slices.Collect(strings.Lines(text[:strings.LastIndexByte(text, '\n')+1]))
}

// read reads a file line by line, and requires that each line that the file stored is readable.
func (j *lineJudge) read(name string, f *File) {
	records := make([]string, 0, len(j.of)) // sorted, without their newline
	for line := range j.of {
		records = append(records, strings.TrimSuffix(line, "\n"))
	}
	sort.Strings(records)
	stored, cuts, empty := map[string]int{}, 0, 0
	for _, c := range f.calls {
		s := c.stored()
		for _, line := range wholeLines(s) {
			stored[strings.TrimSuffix(line, "\n")]++
		}
		if last := s[strings.LastIndexByte(s, '\n')+1:]; last == "" {
			continue
		} else if _, all := slices.BinarySearch(records, last); all {
			stored[last]++ // all but the newline
		} else {
			cuts++
		}
		if !j.apart() { // overlapping writes all repair the line
			empty += j.plan.goroutines
		} else if j.fixture.Reopener { // the newline starts another connection
			empty++
		}
	}
	have := map[string]int{}
	for _, text := range f.read(j.mayGlue) {
		for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
			i, all := slices.BinarySearch(records, line)
			switch {
			case line == "":
				empty--
			case all:
				have[line]++
			case i < len(records) && strings.HasPrefix(records[i], line):
				cuts--
			default:
				j.demand(false, "%s: %q is not a record", name, line)
			}
		}
	}
	j.demand(cuts == 0, "%s: %d cut lines are missing", name, cuts)
	for line, n := range stored {
		j.demand(have[line] == n, "%s took %q %d times, but has it %d times", name, line, n, have[line])
	}
	unsure := f.hung() + f.count(func(c *call) bool { return c.lied }) // the end of the file is unknown after these
	first := len(f.read(j.mayGlue))                                    // an empty file reads as one empty line
	j.demand(-empty <= int(unsure)+first, "%s has %d empty lines: %q", name, -empty, f.read(j.mayGlue))
}

// apart reports whether writes never overlap.
func (j *lineJudge) apart() bool { return j.plan.locked || j.fixture.Batcher }

// mayGlue reports whether a write may begin on a line that another has cut: the two overlap. That
// can happen in a file below a wide lane, and elsewhere if nothing above the adapter serializes
// writes. A wide lane considers a line repaired as soon as the repair has started.
func (j *lineJudge) mayGlue(cut, next *call) bool {
	repairs := func(c *call) bool { return c.repairs && c.ended > cut.ended && next.beside(c) }
	if j.fixture.Wide && (next.beside(cut) || slices.ContainsFunc(j.primary.calls, repairs)) {
		return true
	}
	a, b := j.of[firstLine(cut.text)], j.of[firstLine(next.text)]
	return !j.apart() && a != nil && b != nil && b.began < a.ended
}

// judgeLines requires that each line was taken once, or lost.
func (j *lineJudge) judgeLines() {
	primary, fallback := map[string][]*call{}, map[string]int{}
	for _, c := range j.primary.calls {
		if j.late(c) {
			continue
		}
		for _, line := range j.acknowledged(c) {
			primary[line] = append(primary[line], c)
		}
	}
	for _, c := range j.fallback.calls {
		for _, line := range j.acknowledged(c) {
			fallback[line]++
		}
	}
	twice := map[*call]bool{}
	for line, w := range j.of {
		taken, spare, lost := primary[line], fallback[line], j.lost[line]
		want := 1
		if w.how == closed {
			want = 0
		}
		if len(taken) == 1 && spare+lost == 1 && want == 1 {
			c := taken[0]
			if torn := c.torn() && j.fixture.Async; torn { // torn by a probe
				continue
			}
			if j.fixture.Async || j.fixture.Batcher {
				twice[c] = true
				continue
			}
		}
		j.demand(len(taken)+spare+lost == want, "%q: %d times in the primary, %d in the fallback, %d lost",
			line, len(taken), spare, lost)
	}
	for line := range j.lost {
		j.demand(j.of[line] != nil, "%q is lost, but was never offered", line)
	}
	j.twice = uint64(len(twice))
}

// judgeOrder requires that the primary has the lines of each goroutine in the order in which they
// were offered. A wide lane gives up the order.
func (j *lineJudge) judgeOrder() {
	if j.fixture.Wide {
		return
	}
	type place struct{ goroutine, write, line int }
	newest := map[int]place{}
	for _, c := range j.primary.calls {
		for _, line := range j.acknowledged(c) {
			var at place
			if _, err := fmt.Sscanf(recordIn(line), "@%d.%d.%d@", &at.goroutine, &at.write, &at.line); err != nil {
				continue // not a record
			}
			before := newest[at.goroutine]
			j.demand(before.write < at.write || before.write == at.write && before.line <= at.line,
				"%q comes after line %d of write %d", line, before.line, before.write)
			newest[at.goroutine] = at
		}
	}
}

// judgeResults requires that the results of the writes are true.
func (j *lineJudge) judgeResults() {
	want := j.plan.goroutines*j.plan.writes + 3
	j.demand(len(j.writes) == want, "%d writes were seen, but %d were offered", len(j.writes), want)
	for _, w := range j.writes {
		at := 0
		for line := range strings.Lines(w.text) {
			lost := j.lost[line] > 0
			switch {
			case w.how == accepted && lost:
				j.demand(j.plan.lossAsSuccess || j.fixture.Batcher, "%q is lost, but its caller got no error", line)
			case w.how == refused:
				j.demand(lost == (at >= w.n), "%q: lost %v, but %d bytes of %q were acknowledged", line, lost, w.n, w.text)
			}
			at += len(line)
		}
	}
}

// judgeCounts requires that Stats matches the files.
func (j *lineJudge) judgeCounts() {
	s := j.stats
	torn := j.primary.count(func(c *call) bool { return c.torn() && !j.late(c) })
	j.demand(s.Torn == torn, "the primary has parts of %d writes, Stats counts %d", torn, s.Torn)
	spareTorn := j.fallback.count((*call).torn)
	j.demand(s.FallbackTorn == spareTorn, "the fallback has parts of %d writes, Stats counts %d", spareTorn, s.FallbackTorn)

	taken := j.fallback.count(func(c *call) bool { return c.whole })
	failed := uint64(len(j.fallback.calls)) - taken
	j.demand(j.losses == s.Lost, "%d losses were reported, Stats counts %d", j.losses, s.Lost)
	j.demand(s.Lost == failed, "the fallback failed %d writes, Stats.Lost is %d", failed, s.Lost)
	j.demand(taken == s.Fallback, "the fallback took %d writes, Stats counts %d", taken, s.Fallback)
	j.demand(sum(j.diverted) == s.Fallback, "%d writes were diverted, %d were reported", s.Fallback, sum(j.diverted))
	judgeReasons(j.diverted, s, j.demand)
	j.demand(s.Rejected+s.Failed+s.Panicked+s.Busy+s.RecordErrors == s.Fallback+s.Lost,
		"the counts by reason do not add up to those by place: %+v", s)

	var hung, atEnd uint64
	if j.fixture.Lane {
		hung = j.primary.hung()
	}
	if j.fixture.Batcher { // Shutdown wrote the batch to the fallback, and the primary never took it
		atEnd = 1
	}
	j.demand(hung+j.twice <= s.Late && s.Late <= hung+j.twice+atEnd,
		"%d writes hung and %d are in two places, Stats.Late is %d", hung, j.twice, s.Late)
	if j.plan.slow && !j.fixture.Lane && !j.fixture.Reopener { // a write that waits for another's connection is also slow
		slow := j.primary.count(func(c *call) bool { return c.whole && c.hung })
		j.demand(s.Slow == slow || s.Slow < slow && j.closedEarly(), "%d writes were slow, Stats counts %d", slow, s.Slow)
	}
	j.demand(s.Outages == j.outages.Load(), "%d outages are over, %d were reported", s.Outages, j.outages.Load())
}

// closedEarly reports whether there was a Shutdown before the last one.
func (j *lineJudge) closedEarly() bool {
	return slices.ContainsFunc(j.plan.disturbances, func(d lineDisturbance) bool { return d.does == shuttingDown })
}

// judgeVotes requires that a sink whose failures do not vote stays in use.
func (j *lineJudge) judgeVotes() {
	votes := func(s fileStep) bool { return s.hangs || !slices.Contains(withoutVote[:], s.act) }
	trips := func(d lineDisturbance) bool { return d.does == tripping }
	if j.plan.panicky == 0 && !slices.ContainsFunc(j.plan.disturbances, trips) && !slices.ContainsFunc(j.plan.primary, votes) && (!j.fixture.Reopener || len(j.plan.dials) == 0) {
		j.demand(j.stats.Rejected == 0, "the primary never failed, but the breaker opened")
	}
}

// judgeEnd requires that both files are closed, the fallback last.
func (j *lineJudge) judgeEnd() {
	if !j.fixture.Reopener {
		j.demand(j.primary.closes == 1, "the primary was closed %d times", j.primary.closes)
	}
	j.demand(j.primary.open == 0, "%d connections are open", j.primary.open)
	j.demand(j.fallback.closes == 1, "the fallback was closed %d times", j.fallback.closes)
	hangs := func(s fileStep) bool { return s.hangs }
	if !j.plan.closeHangs && !slices.ContainsFunc(j.plan.primary, hangs) && j.primary.closes > 0 {
		j.demand(j.primary.closedAt < j.fallback.closedAt, "the fallback was closed before the primary")
	}
}
