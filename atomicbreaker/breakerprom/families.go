// SPDX-License-Identifier: Apache-2.0

package breakerprom

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

var families = prepare([]family{
	{
		name: "state", labels: states,
		help: "Breakers in this state.",
		value: func(t *breakers.Total, state int, _ time.Time) float64 {
			return float64(t.States[state])
		},
	},
	gauge(ofBreakers, "probes_due", "Open breakers whose recovery timeout is over, so that their next call is a probe.", probesDue),
	gauge(ofBreakers, "failures", "Failures that closed breakers have counted, or that opened them.",
		func(t *breakers.Total) float64 { return float64(t.Failures) }),
	largest(gauge(ofBreakers, "attempt", "Recoveries in a row that did not last, of the breaker with the most.",
		func(t *breakers.Total) float64 { return float64(t.Attempt) })),
	largest(gauge(ofBreakers, "retry_after_seconds", "Time until an open breaker admits a probe, of the breaker with the longest.",
		func(t *breakers.Total) float64 { return t.RetryAfter.Seconds() })),
	{
		name: "transitions_total", labels: transitions, counter: true,
		help: "Transitions of breakers.",
		value: func(t *breakers.Total, kind int, _ time.Time) float64 {
			return float64(t.Transitions.Of(kinds[kind]))
		},
	},
	counter(ofBreakers, "not_closed_seconds_total", "Time that breakers spent in any state but closed.", notClosed),

	{
		name: "group_breakers", subject: ofGroups, labels: states,
		help: "Breakers of a group that are in this state.",
		value: func(t *breakers.Total, state int, _ time.Time) float64 {
			return float64(t.States[state])
		},
	},
	gauge(ofGroups, "group_probes_due",
		"Open breakers of a group whose recovery timeout is over, so that their next call is a probe.", probesDue),
	counter(ofGroups, "group_opened_total", "Transitions of a group's breakers from closed to open.", opened),
	counter(ofGroups, "group_not_closed_seconds_total", "Time that breakers of a group spent in any state but closed.", notClosed),
	counter(ofGroups, "group_evicted_total", "Breakers that a group gave up for another key.",
		func(t *breakers.Total) float64 { return float64(t.Evicted) }),
	counter(ofGroups, "group_overflowed_total", "Calls that got the shared breaker of a group, because it had no place.",
		func(t *breakers.Total) float64 { return float64(t.Overflowed) }),

	{
		name: "diverted_total", subject: ofWriters, labels: reasons, counter: true,
		help: "Writes that the sink did not take. The fallback took them, except for those that are lost.",
		value: func(t *breakers.Total, reason int, _ time.Time) float64 {
			return float64(diverted(t, guard.Reason(reason)))
		},
	},
	counter(ofWriters, "lost_total", "Writes that neither the sink nor the fallback took.",
		func(t *breakers.Total) float64 { return float64(t.Writes.Lost) }),
	counter(ofWriters, "torn_total", "Writes of which the sink or the fallback took only a part.",
		func(t *breakers.Total) float64 { return float64(t.Writes.Torn + t.Writes.FallbackTorn) }),
	counter(ofWriters, "late_total", "Writes that the sink finished, or may finish, after their records went to the fallback.",
		func(t *breakers.Total) float64 { return float64(t.Writes.Late) }),
	counter(ofWriters, "outages_total", "Outages that have ended.",
		func(t *breakers.Total) float64 { return float64(t.Writes.Outages) }),

	counter(ofBatchers, "batcher_records_total", "Records that a batcher accepted.",
		func(t *breakers.Total) float64 { return float64(t.Batches.Records) }),
	counter(ofBatchers, "batcher_batches_total", "Batches that a batcher has written, to the sink or to the fallback, or has lost.",
		func(t *breakers.Total) float64 { return float64(t.Batches.Batches) }),
	counter(ofBatchers, "batcher_overflowed_total", "Records that went directly to the fallback, because a batcher had no room.",
		func(t *breakers.Total) float64 { return float64(t.Batches.Overflowed) }),
	gauge(ofBatchers, "batcher_waiting_bytes", "Size of the records that a batcher has in memory.",
		func(t *breakers.Total) float64 { return float64(t.Batches.Waiting) }),

	gauge(ofSpools, "spool_records", "Records in a spool.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Records) }),
	gauge(ofSpools, "spool_size_bytes", "Size of a spool on disk.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Bytes) }),
	{
		name: "spool_oldest_age_seconds", subject: ofSpools, largest: true, labels: plain,
		help: "Age of the oldest record in a spool, or 0 if it is empty.",
		value: func(t *breakers.Total, _ int, now time.Time) float64 {
			if t.Backlog.Oldest.IsZero() {
				return 0
			}
			return now.Sub(t.Backlog.Oldest).Seconds()
		},
	},
	counter(ofSpools, "spool_appended_total", "Records written to a spool.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Appended) }),
	counter(ofSpools, "spool_replayed_total", "Records of a spool that the sink has taken.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Replayed) }),
	counter(ofSpools, "spool_repeated_total", "Records of a spool that were offered to the sink again, after a write that failed.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Repeated) }),
	counter(ofSpools, "spool_dropped_total", "Records that a spool gave up, because of its limits or because the sink refused them.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Dropped) }),
	counter(ofSpools, "spool_corrupt_total", "Damaged parts of a spool, of one or more records each.",
		func(t *breakers.Total) float64 { return float64(t.Backlog.Corrupt) }),
})

func gauge(s subject, name, help string, value func(*breakers.Total) float64) family {
	return family{
		name: name, help: help, subject: s, labels: plain,
		value: func(t *breakers.Total, _ int, _ time.Time) float64 { return value(t) },
	}
}

func counter(s subject, name, help string, value func(*breakers.Total) float64) family {
	f := gauge(s, name, help, value)
	f.counter = true
	return f
}

func largest(f family) family {
	f.largest = true
	return f
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
