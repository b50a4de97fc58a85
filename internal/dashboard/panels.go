// SPDX-License-Identifier: Apache-2.0

package main

// panel is a part of the dashboard.
type panel struct {
	kind               kind
	title, description string
	unit               string // of Grafana
	color              string // of a number above 0
	queries            []query
}

type kind int

const (
	lines    kind = iota
	number        // the last value
	timeline      // states over time
)

type query struct{ expr, legend string }

type row struct {
	title  string
	panels []panel
}

const (
	bySeries = "{{instance}} {{name}}"
	chosen   = `{job=~"$job",name=~"$name"}`
)

var rows = []row{
	{"Now", []panel{
		{
			kind: number, title: "Lost writes", unit: "short", color: "red",
			description: "Writes in this time range that neither the sink nor the fallback took.",
			queries:     []query{{`sum(increase(atomicbreaker_lost_total` + chosen + `[$__range]))`, ""}},
		},
		{
			kind: number, title: "Records dropped by spools", unit: "short", color: "red",
			description: "Records in this time range that spools gave up.",
			queries:     []query{{`sum(increase(atomicbreaker_spool_dropped_total` + chosen + `[$__range]))`, ""}},
		},
		{
			kind: number, title: "Breakers not closed", unit: "short", color: "orange",
			queries: []query{{`sum(atomicbreaker_state{job=~"$job",name=~"$name",state!="closed"})`, ""}},
		},
		{
			kind: number, title: "Breakers that wait for a record", unit: "short", color: "orange",
			description: "Open breakers whose recovery timeout is over: the next record is the probe.",
			queries:     []query{{`sum(atomicbreaker_probes_due` + chosen + `)`, ""}},
		},
	}},
	{"Breakers", []panel{
		{
			kind: timeline, title: "State",
			description: "The worst state of the breakers of a name. An open breaker is half-open while it probes.",
			queries: []query{{`max by (instance, name) (` +
				`0 * (atomicbreaker_state{job=~"$job",name=~"$name",state="closed"} > 0)` +
				` or 1 + 0 * (atomicbreaker_state{job=~"$job",name=~"$name",state="half_open"} > 0)` +
				` or 2 + 0 * (atomicbreaker_state{job=~"$job",name=~"$name",state="open"} > 0)` +
				` or 3 + 0 * (atomicbreaker_state{job=~"$job",name=~"$name",state="forced_closed"} > 0)` +
				` or 4 + 0 * (atomicbreaker_state{job=~"$job",name=~"$name",state="forced_open"} > 0))`, bySeries}},
		},
		{
			title: "Time not closed", unit: "percentunit",
			description: "Shows open periods that are shorter than the scrape interval, too. The sum of the breakers of a name.",
			queries:     []query{{`rate(atomicbreaker_not_closed_seconds_total` + chosen + `[$__rate_interval])`, bySeries}},
		},
		{
			title: "Transitions", unit: "short",
			queries: []query{{
				`sum by (from, to, cause) (increase(atomicbreaker_transitions_total` + chosen + `[$__rate_interval])) > 0`,
				"{{from}} to {{to}}: {{cause}}",
			}},
		},
		{
			title: "Time until the next probe", unit: "s",
			queries: []query{{`atomicbreaker_retry_after_seconds` + chosen, bySeries}},
		},
		{
			title: "Failures counted", unit: "short",
			queries: []query{{`atomicbreaker_failures` + chosen, bySeries}},
		},
		{
			title: "Recoveries that did not last", unit: "short",
			description: "In a row. Each one doubles the open period of a breaker with WithBackoff.",
			queries:     []query{{`atomicbreaker_attempt` + chosen, bySeries}},
		},
		{
			title: "Outages that have ended", unit: "short",
			queries: []query{{`increase(atomicbreaker_outages_total` + chosen + `[$__rate_interval])`, bySeries}},
		},
	}},
	{"Writes that the sink did not take", []panel{
		{
			title: "By reason", unit: "ops",
			queries: []query{{`sum by (name, reason) (rate(atomicbreaker_diverted_total` + chosen + `[$__rate_interval]))`, "{{name}}: {{reason}}"}},
		},
		{
			title: "Lost", unit: "ops", description: "Neither the sink nor the fallback took them.",
			queries: []query{{`rate(atomicbreaker_lost_total` + chosen + `[$__rate_interval])`, bySeries}},
		},
		{
			title: "Torn and late", unit: "ops",
			description: "Taken in part; and taken, or possibly taken, after the records went to the fallback, so that they are there twice.",
			queries: []query{
				{`rate(atomicbreaker_torn_total` + chosen + `[$__rate_interval])`, bySeries + " torn"},
				{`rate(atomicbreaker_late_total` + chosen + `[$__rate_interval])`, bySeries + " late"},
			},
		},
	}},
	{"Spools", []panel{
		{
			title: "Records", unit: "short",
			queries: []query{{`atomicbreaker_spool_records` + chosen, bySeries}},
		},
		{
			title: "Size", unit: "bytes",
			queries: []query{{`atomicbreaker_spool_size_bytes` + chosen, bySeries}},
		},
		{
			title: "Age of the oldest record", unit: "s",
			queries: []query{{`atomicbreaker_spool_oldest_age_seconds` + chosen, bySeries}},
		},
		{
			title: "Records in and out", unit: "ops",
			queries: []query{
				{`rate(atomicbreaker_spool_appended_total` + chosen + `[$__rate_interval])`, bySeries + " appended"},
				{`rate(atomicbreaker_spool_replayed_total` + chosen + `[$__rate_interval])`, bySeries + " replayed"},
				{`rate(atomicbreaker_spool_repeated_total` + chosen + `[$__rate_interval])`, bySeries + " repeated"},
			},
		},
		{
			title: "Records dropped", unit: "ops",
			queries: []query{{`rate(atomicbreaker_spool_dropped_total` + chosen + `[$__rate_interval])`, bySeries}},
		},
		{
			title: "Damaged parts", unit: "short",
			queries: []query{{`increase(atomicbreaker_spool_corrupt_total` + chosen + `[$__rate_interval])`, bySeries}},
		},
	}},
	{"Batchers", []panel{
		{
			title: "Records accepted", unit: "ops",
			queries: []query{{`rate(atomicbreaker_batcher_records_total` + chosen + `[$__rate_interval])`, bySeries}},
		},
		{
			title: "Records in a batch", unit: "short", description: "On average.",
			queries: []query{{`rate(atomicbreaker_batcher_records_total` + chosen + `[$__rate_interval])` +
				` / rate(atomicbreaker_batcher_batches_total` + chosen + `[$__rate_interval])`, bySeries}},
		},
		{
			title: "Size in memory", unit: "bytes",
			queries: []query{{`atomicbreaker_batcher_waiting_bytes` + chosen, bySeries}},
		},
		{
			title: "Records that did not fit", unit: "ops", description: "They went directly to the fallback.",
			queries: []query{{`rate(atomicbreaker_batcher_overflowed_total` + chosen + `[$__rate_interval])`, bySeries}},
		},
	}},
	{"Groups", []panel{
		{
			title: "Breakers by state", unit: "short",
			queries: []query{{`atomicbreaker_group_breakers` + chosen, bySeries + " {{state}}"}},
		},
		{
			title: "Breakers that opened, and that wait for a record", unit: "short",
			queries: []query{
				{`increase(atomicbreaker_group_opened_total` + chosen + `[$__rate_interval])`, bySeries + " opened"},
				{`atomicbreaker_group_probes_due` + chosen, bySeries + " waiting"},
			},
		},
		{
			title: "Breakers not closed, on average", unit: "short",
			queries: []query{{`rate(atomicbreaker_group_not_closed_seconds_total` + chosen + `[$__rate_interval])`, bySeries}},
		},
		{
			title: "Keys without a place", unit: "ops",
			description: "Breakers given up for another key, and calls that got the shared breaker.",
			queries: []query{
				{`rate(atomicbreaker_group_evicted_total` + chosen + `[$__rate_interval])`, bySeries + " given up"},
				{`rate(atomicbreaker_group_overflowed_total` + chosen + `[$__rate_interval])`, bySeries + " shared"},
			},
		},
	}},
}
