// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"errors"
	"fmt"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// judge compares what is in the sinks with what was offered, and with what the adapter says. idle is the breaker when no call
// was under way.
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
	fallback, lost, unseen, late := r.count(add)
	add(len(r.offered) == r.plan.goroutines*r.plan.records+3, "%d records came to an end", len(r.offered))
	add(stats.Fallback == fallback, "the fallback has %d records, counted are %d", fallback, stats.Fallback)
	add(stats.Lost == lost+unseen, "%d records are lost, counted are %d", lost+unseen, stats.Lost)

	add(stats.Rejected+stats.Failed+stats.Panicked+stats.Busy+stats.RecordErrors == stats.Fallback+stats.Lost,
		"the counts by reason are not those by place: %+v", stats)
	var diverted uint64
	for _, n := range r.diverted {
		diverted += n
	}
	add(diverted == fallback || r.rig.Silent, "%d records were diverted, told were %d", fallback, diverted)

	torn := uint64(r.primary.parts)
	if r.rig.Late != nil {
		add(r.rig.Late() == r.primary.hung, "%d writes hung, counted as late are %d", r.primary.hung, r.rig.Late())
		torn -= uint64(r.primary.lateTear) // nobody saw these
	} else {
		add(late == 0, "%d records are twice there, and none can be late", late)
	}
	if !r.rig.CountsTorn {
		torn = 0
	}
	add(stats.Torn == torn, "the primary has parts of %d records, counted are %d", torn, stats.Torn)

	add(idle.HalfOpenCalls == 0, "a permit was not settled: %+v", idle)
	state := r.breaker.State()
	add(r.primary.shut() || r.closeBegan.Load() || state == atomicbreaker.Closed, "the primary works, and the breaker is %v", state)
	if !r.rig.Silent {
		r.judgeOutages(stats, add)
	}
	return errors.Join(wrong...)
}

// count looks for each record. unseen are those that are nowhere, and of which nobody but the counts could tell.
func (r *run) count(add func(bool, string, ...any)) (fallback, lost, unseen, late uint64) {
	for _, record := range r.offered {
		primary, spare, gone := r.primary.taken[record], r.fall.taken[record], r.lost[record]
		how := r.endings[record]
		if how == closed {
			add(primary+spare == 0, "%s was refused, and is %d times in the primary, %d in the fallback", record, primary, spare)
			continue
		}
		if r.rig.Silent {
			switch {
			case how == refused:
				gone++
			case how == unwound && primary+spare == 0:
				unseen++
				continue
			}
		}
		allowed := 1
		if r.rig.Late != nil && r.primary.lateness[record] > 0 {
			late++
			allowed = 2 // late: the primary took it after its caller had given up
		}
		add(primary+spare+gone == allowed, "%s: %d times in the primary, %d in the fallback, %d lost", record, primary, spare, gone)
		add(primary <= 1 && spare+gone <= 1, "%s: %d times in the primary, %d in the fallback, %d lost", record, primary, spare, gone)
		add(how != accepted || gone == 0, "%s is lost, and its caller was told that it is not", record)
		add(how != refused || gone == 1, "%s is not lost, and its caller was told that it is", record)
		fallback += uint64(spare)
		lost += uint64(gone)
	}
	for _, taken := range []map[string]int{r.primary.taken, r.fall.taken, r.lost} {
		for record := range taken {
			_, offered := r.endings[record]
			add(offered, "nobody offered %s", record)
		}
	}
	return fallback, lost, unseen, late
}
