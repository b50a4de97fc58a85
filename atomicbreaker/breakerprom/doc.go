// SPDX-License-Identifier: Apache-2.0

// Package breakerprom exports the breakers of a program to Prometheus.
//
//	registry := breakers.NewRegistry()
//	b := registry.MustNew("loki")
//	w := breakerio.NewWriter(b, loki, file)
//	err := registry.Attach(b, w)
//	prometheus.MustRegister(breakerprom.NewCollector(registry))
//	http.Handle("/metrics", promhttp.Handler())
//
// A collector reads its registry at each scrape. Between scrapes it does nothing, and a call of a
// breaker costs the same with it as without.
//
// # Metrics
//
// All series have the label name: that of the breaker, or of the group. Each breaker has 30 series:
//
//	atomicbreaker_state                     gauge    breakers in the state of the label state: closed, open,
//	                                                 half_open, forced_open or forced_closed
//	atomicbreaker_probes_due                gauge    open breakers whose next call is a probe
//	atomicbreaker_failures                  gauge    failures that closed breakers have counted, or that opened them
//	atomicbreaker_attempt                   gauge    recoveries in a row that did not last
//	atomicbreaker_retry_after_seconds       gauge    time until an open breaker admits a probe
//	atomicbreaker_transitions_total         counter  transitions by from, to and cause
//	atomicbreaker_not_closed_seconds_total  counter  time in any state but closed
//
// An adapter that was attached, such as a breakerio.Writer, has 9:
//
//	atomicbreaker_diverted_total  counter  writes that the sink did not take, by reason: rejected, failed,
//	                                       panicked, busy or record_error
//	atomicbreaker_lost_total      counter  those that the fallback did not take either
//	atomicbreaker_torn_total      counter  writes of which the sink or the fallback took only a part
//	atomicbreaker_late_total      counter  writes that the sink may finish after the fallback took the records
//	atomicbreaker_outages_total   counter  outages that have ended
//
// A breakerio.Batcher has 4:
//
//	atomicbreaker_batcher_records_total     counter  records accepted
//	atomicbreaker_batcher_batches_total     counter  batches written to the sink or the fallback, or lost
//	atomicbreaker_batcher_overflowed_total  counter  records that went directly to the fallback
//	atomicbreaker_batcher_waiting_bytes     gauge    size of the records in memory
//
// A breakerspool.Spool has 8:
//
//	atomicbreaker_spool_records             gauge    records kept
//	atomicbreaker_spool_size_bytes          gauge    size on disk
//	atomicbreaker_spool_oldest_age_seconds  gauge    age of the oldest record, 0 without one
//	atomicbreaker_spool_appended_total      counter  records written
//	atomicbreaker_spool_replayed_total      counter  records taken by the sink
//	atomicbreaker_spool_repeated_total      counter  records offered to the sink again
//	atomicbreaker_spool_dropped_total       counter  records given up, including those set aside as rejected
//	atomicbreaker_spool_corrupt_total       counter  damaged parts, of one or more records each
//
// A group of breakers has 10, however many breakers it has. Its adapters and spools are in the
// families above, under the name of the group:
//
//	atomicbreaker_group_breakers                  gauge    breakers in the state of the label state
//	atomicbreaker_group_probes_due                gauge    open breakers whose next call is a probe
//	atomicbreaker_group_opened_total              counter  transitions from closed to open
//	atomicbreaker_group_not_closed_seconds_total  counter  time in any state but closed, the sum of the breakers
//	atomicbreaker_group_evicted_total             counter  breakers given up for another key
//	atomicbreaker_group_overflowed_total          counter  calls that got the shared breaker
//
// Series exist from the start, with 0: those of a breaker from Registry.New on, those of a part from
// Registry.Attach on. Attach parts before they are used. Records that the sink takes are not
// counted, because that would slow down each healthy call; a Batcher counts them.
//
// # Equal names
//
// Breakers of one name share their series, which show the sum; attempt, retry_after_seconds and
// spool_oldest_age_seconds show the largest. Bytes of a name that are not UTF-8 become U+FFFD. When
// the program drops a breaker, its counters stay in the sum, and the gauges no longer include it.
//
// # Alerts
//
// The file alerts.yml beside this package has rules for Prometheus 2.42 and later, tested with
// promtool:
//
//	AtomicbreakerRecordsLost        page    records are lost
//	AtomicbreakerSpoolDropsRecords  page    a spool gives up records
//	AtomicbreakerOpen               ticket  open or half-open for 2 minutes
//	AtomicbreakerFlapping           ticket  five openings in 15 minutes
//	AtomicbreakerForced             ticket  forced for an hour
//	AtomicbreakerSpoolFilling       ticket  a spool grows, and its oldest record is 15 minutes old
//	AtomicbreakerGroupDown          ticket  more than half of a group is open for 2 minutes
//
// To write other rules, note that:
//
//   - A breaker that is down alternates between open and half_open, and a scrape may see either. A
//     rule on state="open" with a "for" never fires. Sum both.
//   - increase() does not see the value of a counter at its first scrape. A loss while the program
//     starts is there already.
//   - transitions_total{to="open"} counts each failed probe and each open period of TripFor. Only
//     those with from="closed" are new outages.
//   - An open period that is shorter than the scrape interval is only in transitions_total and in
//     not_closed_seconds_total.
//   - A breaker whose program writes nothing stays open after its recovery timeout. probes_due is
//     then 1, and the next record is the probe.
//
// # Dashboard
//
// Import the file dashboard.json beside this package in Grafana. Its variables select the data
// source, the job and the name. Each of its queries is checked against a scrape. How it looks in
// Grafana is not tested.
//
// # Cost
//
// A scrape reads each breaker and each part once. It takes time in proportion to the series, some
// microseconds each: a scrape of 1,000 breakers with a Writer each, 39,000 series, took about 0.1 s
// on 2 cores of an AMD EPYC (BenchmarkScrape). For many keys, use a [breakers.Group], whose series do
// not grow with the keys.
package breakerprom
