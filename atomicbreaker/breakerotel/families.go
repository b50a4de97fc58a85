// SPDX-License-Identifier: Apache-2.0

package breakerotel

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

var families = []family{
	{
		kind: sum, name: "state", unit: "{breaker}", variants: states,
		help: "Breakers in this state.",
		value: func(t *breakers.Total, state int, _ time.Time) float64 {
			return float64(t.States[state])
		},
	},
	one(ofBreakers, sum, "probes_due", "{breaker}", "Open breakers whose recovery timeout is over, so that their next call is a probe.", probesDue),
	one(ofBreakers, sum, "failures", "{failure}", "Failures that closed breakers have counted, or that opened them.",
		func(t *breakers.Total) float64 { return float64(t.Failures) }),
	one(ofBreakers, largest, "attempt", "{attempt}", "Recoveries in a row that did not last, of the breaker with the most.",
		func(t *breakers.Total) float64 { return float64(t.Attempt) }),
	one(ofBreakers, largest, "retry_after", "s", "Time until an open breaker admits a probe, of the breaker with the longest.",
		func(t *breakers.Total) float64 { return t.RetryAfter.Seconds() }),
	{
		kind: counter, name: "transitions", unit: "{transition}", variants: transitions,
		help: "Transitions of breakers.",
		value: func(t *breakers.Total, kind int, _ time.Time) float64 {
			return float64(t.Transitions.Of(kinds[kind]))
		},
	},
	one(ofBreakers, counter, "not_closed", "s", "Time that breakers spent in any state but closed.", notClosed),

	{
		kind: sum, name: "group.breakers", unit: "{breaker}", subject: ofGroups, variants: states,
		help: "Breakers of a group that are in this state.",
		value: func(t *breakers.Total, state int, _ time.Time) float64 {
			return float64(t.States[state])
		},
	},
	one(ofGroups, sum, "group.probes_due", "{breaker}",
		"Open breakers of a group whose recovery timeout is over, so that their next call is a probe.", probesDue),
	one(ofGroups, counter, "group.opened", "{transition}", "Transitions of a group's breakers from closed to open.", opened),
	one(ofGroups, counter, "group.not_closed", "s", "Time that breakers of a group spent in any state but closed.", notClosed),
	one(ofGroups, counter, "group.evicted", "{breaker}", "Breakers that a group gave up for another key.",
		func(t *breakers.Total) float64 { return float64(t.Evicted) }),
	one(ofGroups, counter, "group.overflowed", "{call}", "Calls that got the shared breaker of a group, because it had no place.",
		func(t *breakers.Total) float64 { return float64(t.Overflowed) }),

	{
		kind: counter, name: "diverted", unit: "{write}", subject: ofWriters, variants: reasons,
		help: "Writes that the sink did not take. The fallback took them, except for those that are lost.",
		value: func(t *breakers.Total, reason int, _ time.Time) float64 {
			return float64(diverted(t, guard.Reason(reason)))
		},
	},
	one(ofWriters, counter, "lost", "{write}", "Writes that neither the sink nor the fallback took.",
		func(t *breakers.Total) float64 { return float64(t.Writes.Lost) }),
	one(ofWriters, counter, "torn", "{write}", "Writes of which the sink or the fallback took only a part.",
		func(t *breakers.Total) float64 { return float64(t.Writes.Torn + t.Writes.FallbackTorn) }),
	one(ofWriters, counter, "late", "{write}", "Writes that the sink finished, or may finish, after their records went to the fallback.",
		func(t *breakers.Total) float64 { return float64(t.Writes.Late) }),
	one(ofWriters, counter, "outages", "{outage}", "Outages that have ended.",
		func(t *breakers.Total) float64 { return float64(t.Writes.Outages) }),

	one(ofBatchers, counter, "batcher.records", "{record}", "Records that a batcher accepted.",
		func(t *breakers.Total) float64 { return float64(t.Batches.Records) }),
	one(ofBatchers, counter, "batcher.batches", "{batch}", "Batches that a batcher has written, to the sink or to the fallback, or has lost.",
		func(t *breakers.Total) float64 { return float64(t.Batches.Batches) }),
	one(ofBatchers, counter, "batcher.overflowed", "{record}", "Records that went directly to the fallback, because a batcher had no room.",
		func(t *breakers.Total) float64 { return float64(t.Batches.Overflowed) }),
	one(ofBatchers, sum, "batcher.waiting", "By", "Size of the records that a batcher has in memory.",
		func(t *breakers.Total) float64 { return float64(t.Batches.Waiting) }),

	one(ofSpools, sum, "spool.records", "{record}", "Records in a spool.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Records) }),
	one(ofSpools, sum, "spool.size", "By", "Size of a spool on disk.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Bytes) }),
	{
		kind: largest, name: "spool.oldest_age", unit: "s", subject: ofSpools, variants: plain,
		help: "Age of the oldest record in a spool, or 0 if it is empty.",
		value: func(t *breakers.Total, _ int, now time.Time) float64 {
			if t.Backlog.Oldest.IsZero() {
				return 0
			}
			return now.Sub(t.Backlog.Oldest).Seconds()
		},
	},
	one(ofSpools, counter, "spool.appended", "{record}", "Records written to a spool.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Appended) }),
	one(ofSpools, counter, "spool.replayed", "{record}", "Records of a spool that the sink has taken.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Replayed) }),
	one(ofSpools, counter, "spool.repeated", "{record}", "Records of a spool that were offered to the sink again, after a write that failed.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Repeated) }),
	one(ofSpools, counter, "spool.dropped", "{record}", "Records that a spool gave up, because of its limits or because the sink refused them.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Dropped) }),
	one(ofSpools, counter, "spool.corrupt", "{part}", "Damaged parts of a spool, of one or more records each.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Corrupt) }),
}

// one returns a family that has one series for each name.
func one(s subject, k kind, name, unit, help string, value func(*breakers.Total) float64) family {
	return family{
		kind: k, name: name, unit: unit, help: help, subject: s, variants: plain,
		value: func(t *breakers.Total, _ int, _ time.Time) float64 { return value(t) },
	}
}

func probesDue(t *breakers.Total) float64 { return float64(t.ProbesDue) }

func notClosed(t *breakers.Total) float64 { return t.NotClosed.Seconds() }

func opened(t *breakers.Total) (n float64) {
	for kind, count := range t.Transitions.All() {
		if kind.From == atomicbreaker.Closed && kind.To == atomicbreaker.Open {
			n += float64(count)
		}
	}
	return n
}

func diverted(t *breakers.Total, r guard.Reason) uint64 {
	switch r {
	case guard.Rejected:
		return t.Writes.Rejected
	case guard.Failed:
		return t.Writes.Failed
	case guard.Panicked:
		return t.Writes.Panicked
	case guard.Busy:
		return t.Writes.Busy
	default:
		return t.Writes.RecordErrors
	}
}
