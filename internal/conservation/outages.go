// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"slices"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// tally is how many records an outage cost.
type tally struct{ fallback, lost uint64 }

// ledger tells what outages must be reported where records are offered one after the other, by the definition: an outage
// is the time from the first record that the primary did not take to the next one that it took with the breaker closed
// again; if that did not open meanwhile, it was none.
type ledger struct {
	over   []tally
	now    tally
	began  uint32 // the breaker's generation then
	inside bool
}

// follow takes in a record that has just been offered; before is the breaker then.
func (l *ledger) follow(r *run, record string, before atomicbreaker.Snapshot) {
	after := r.breaker.Snapshot()
	lost := r.reported(record)
	if !lost && r.fall.count(record) == 0 {
		closed := after.State == atomicbreaker.Closed
		if l.inside && closed {
			if after.Generation != l.began {
				l.over = append(l.over, l.now)
			}
			*l = ledger{over: l.over}
		}
		return
	}
	if !l.inside {
		did := r.primary.did(record)
		lane := r.rig.Late != nil // a lane makes an error of what hangs, and of an end of its goroutine
		heard := !did.hangs || !lane
		if heard && did.act == tooLarge {
			return // that says nothing about the primary
		}
		if heard && (!lane || did.act == panics) && unwinds(did.act, r) && unwinds(r.fall.did(record).act, r) {
			return // nor does a record that makes both sides panic
		}
		l.inside, l.began = true, before.Generation
	}
	if lost {
		l.now.lost++
	} else {
		l.now.fallback++
	}
}

// unwinds says whether the adapter takes what a sink did for a panic.
func unwinds(d act, r *run) bool { return d == panics || d == exits && r.plan.repanic }

// judgeOutages compares the outages that were told with those there were, as far as that is known: exactly if one goroutine
// offered all, and in a storm. Otherwise which failures are one outage depends on who came first.
func (r *run) judgeOutages(stats breakerio.Stats, add func(bool, string, ...any)) {
	add(uint64(len(r.told)) == stats.Outages, "%d outages were told, counted are %d", len(r.told), stats.Outages)
	var told []tally
	var sum uint64
	for _, o := range r.told {
		add(o.Name == "sink", "an outage of %q", o.Name)
		add(o.Fallback+o.Lost > 0, "an outage of no record")
		told = append(told, tally{o.Fallback, o.Lost})
		sum += o.Fallback + o.Lost
	}
	diverted := stats.Fallback + stats.Lost
	add(sum <= diverted, "the outages took %d records, and %d are missing from the primary", sum, diverted)
	if r.plan.goroutines == 1 && !r.closeBegan.Load() {
		add(slices.Equal(told, r.outages.over), "the outages were %v, told were %v", r.outages.over, told)
	}
	if r.plan.storm {
		var want []tally
		if diverted > 0 {
			want = []tally{{stats.Fallback, stats.Lost}}
		}
		add(slices.Equal(told, want), "the storm was %v, told were %v", want, told)
	}
}
