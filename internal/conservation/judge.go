// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"errors"
	"fmt"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// judge compares the contents of the sinks with the offered records and with the adapter's counts
// and reports. idle is the breaker's snapshot after all calls have ended.
func (r *run) judge(stats breakerio.Stats, idle atomicbreaker.Snapshot) error {
	var wrong []error
	add := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	for _, breach := range append(append(r.breaches, r.primary.breaches...), r.fall.breaches...) {
		add(false, "%s", breach)
	}
	fallback, lost, late := r.count(add)
	add(len(r.offered) == r.plan.goroutines*r.plan.records+3, "%d offers have ended", len(r.offered))
	add(stats.Fallback == fallback, "the fallback has %d records, Stats counts %d", fallback, stats.Fallback)
	add(stats.Lost == lost, "%d records are lost, Stats counts %d", lost, stats.Lost)

	add(stats.Rejected+stats.Failed+stats.Panicked+stats.Busy+stats.RecordErrors == stats.Fallback+stats.Lost,
		"the counts by reason do not add up to those by place: %+v", stats)
	add(sum(r.diverted) == fallback, "%d records were diverted, %d were reported", fallback, sum(r.diverted))
	judgeReasons(r.diverted, stats, add)

	torn := uint64(r.primary.parts)
	if r.fixture.Late != nil {
		add(r.fixture.Late() == r.primary.hung, "%d writes hung, Stats.Late is %d", r.primary.hung, r.fixture.Late())
		torn -= uint64(r.primary.lateTear) // their callers had given up
	} else {
		add(late == 0, "%d records are in two places, and none can be late", late)
	}
	if !r.fixture.CountsTorn {
		torn = 0
	}
	add(stats.Torn == torn, "the primary has parts of %d records, Stats counts %d", torn, stats.Torn)

	add(idle.HalfOpenCalls == 0, "a permit was not settled: %+v", idle)
	state := r.breaker.State()
	add(r.primary.shut() || r.closeBegan.Load() || state == atomicbreaker.Closed, "the primary works, but the breaker is %v", state)
	r.judgeOutages(stats, add)
	return errors.Join(wrong...)
}

// count looks for each record.
func (r *run) count(add func(bool, string, ...any)) (fallback, lost, late uint64) {
	for _, record := range r.offered {
		primary, spare, reported := r.primary.taken[record], r.fall.taken[record], r.lost[record]
		how := r.endings[record]
		if how == closed {
			add(primary+spare == 0, "%s was rejected after Close, but is %d times in the primary, %d in the fallback", record, primary, spare)
			continue
		}
		allowed := 1
		if r.fixture.Late != nil && r.primary.lateness[record] > 0 {
			late++
			allowed = 2 // late: the primary took it after its caller had given up
		}
		add(primary+spare+reported == allowed, "%s: %d times in the primary, %d in the fallback, %d lost", record, primary, spare, reported)
		add(primary <= 1 && spare+reported <= 1, "%s: %d times in the primary, %d in the fallback, %d lost", record, primary, spare, reported)
		add(how != accepted || reported == 0, "%s is lost, but its caller got no error", record)
		add(how != refused || reported == 1, "%s is not lost, but its caller got an error", record)
		fallback += uint64(spare)
		lost += uint64(reported)
	}
	for _, taken := range []map[string]int{r.primary.taken, r.fall.taken, r.lost} {
		for record := range taken {
			_, offered := r.endings[record]
			add(offered, "%s was never offered", record)
		}
	}
	return fallback, lost, late
}

// misnamed reports whether a diversion has a reason that does not fit its error.
func misnamed(d breakerio.Diversion) bool {
	switch {
	case d.Err == nil, errors.Is(d.Err, atomicbreaker.ErrRejected) != (d.Reason == breakerio.Rejected),
		errors.Is(d.Err, breakerio.ErrBusy) != (d.Reason == breakerio.Busy):
		return true
	}
	return d.Reason == breakerio.RecordError && !errors.Is(d.Err, errTooLarge)
}

// judgeReasons requires that the counts by reason include the reported diversions. The others are
// of records that are lost.
func judgeReasons(diverted map[breakerio.Reason]uint64, s breakerio.Stats, add func(bool, string, ...any)) {
	for reason, counted := range map[breakerio.Reason]uint64{
		breakerio.Rejected: s.Rejected, breakerio.Failed: s.Failed, breakerio.Panicked: s.Panicked,
		breakerio.Busy: s.Busy, breakerio.RecordError: s.RecordErrors,
	} {
		add(diverted[reason] <= counted, "%d records were diverted as %v, Stats counts %d", diverted[reason], reason, counted)
	}
}

func sum(counts map[breakerio.Reason]uint64) (total uint64) {
	for _, n := range counts {
		total += n
	}
	return total
}
