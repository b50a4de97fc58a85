// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"slices"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// tally is the cost of an outage, in records.
type tally struct{ fallback, lost uint64 }

// ledger computes the outages that must be reported when records are offered one after the other.
// By definition, an outage lasts from the first record that the primary did not take to the next
// one that it took with the breaker closed again. If the breaker did not open in between, there was
// no outage.
type ledger struct {
	over   []tally
	now    tally
	began  uint32 // the breaker's generation then
	inside bool
}

// follow accounts for a record that has just been offered. before is the breaker's snapshot from
// before the offer.
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
		lane := r.fixture.Late != nil // a lane turns a hang, or the end of its goroutine, into an error
		heard := !did.hangs || !lane
		if heard && did.act == tooLarge {
			return // the outcome says nothing about the primary
		}
		if heard && (!lane || did.act == panics) && unwinds(did.act, r) && unwinds(r.fall.did(record).act, r) {
			return // neither does a record that makes both sides panic
		}
		l.inside, l.began = true, before.Generation
	}
	if lost {
		l.now.lost++
	} else {
		l.now.fallback++
	}
}

// unwinds reports whether the adapter passes on what the sink did as a panic.
func unwinds(d act, r *run) bool { return d == panics || d == exits && r.plan.repanic }

// judgeOutages compares the reported outages with the actual ones, as far as these are known:
// exactly if one goroutine offered all records, and in a storm. Otherwise the order of concurrent
// calls decides which failures belong to one outage.
func (r *run) judgeOutages(stats breakerio.Stats, add func(bool, string, ...any)) {
	add(uint64(len(r.outagesReported)) == stats.Outages, "%d outages were reported, Stats counts %d", len(r.outagesReported), stats.Outages)
	var reported []tally
	var sum uint64
	for _, o := range r.outagesReported {
		add(o.Name == "sink", "an outage of %q", o.Name)
		add(o.Fallback+o.Lost > 0, "an outage without a record")
		reported = append(reported, tally{o.Fallback, o.Lost})
		sum += o.Fallback + o.Lost
	}
	diverted := stats.Fallback + stats.Lost
	add(sum <= diverted, "the outages took %d records, but only %d are missing from the primary", sum, diverted)
	if r.plan.goroutines == 1 && !r.closeBegan.Load() {
		add(slices.Equal(reported, r.outages.over), "the outages were %v, reported were %v", r.outages.over, reported)
	}
	if r.plan.storm {
		var want []tally
		if diverted > 0 {
			want = []tally{{stats.Fallback, stats.Lost}}
		}
		add(slices.Equal(reported, want), "the storm was %v, reported was %v", want, reported)
	}
}
