// SPDX-License-Identifier: Apache-2.0

// Package breakerotel exports the breakers of a program to OpenTelemetry: their metrics, and an
// event for each transition.
//
//	registration, err := breakerotel.RegisterMetrics(otel.GetMeterProvider(), registry)
//	b := registry.MustNew("loki", breakerotel.WithEvents(events))
//
// The metrics are those of package breakerprom, under the names of OpenTelemetry. It makes no spans
// and no span events.
//
// # Metrics
//
// All instruments are observed by one callback of [RegisterMetrics], which reads the registry. All
// series have the attribute atomicbreaker.name: that of the breaker, or of the group. The kind sum
// is an UpDownCounter. Of breakers:
//
//	atomicbreaker.state        sum      {breaker}     by atomicbreaker.state: closed, open, half_open,
//	                                                  forced_open or forced_closed
//	atomicbreaker.probes_due   sum      {breaker}     open breakers whose next call is a probe
//	atomicbreaker.failures     sum      {failure}     counted while closed, or that opened it
//	atomicbreaker.attempt      gauge    {attempt}     recoveries in a row that did not last
//	atomicbreaker.retry_after  gauge    s             time until an open breaker admits a probe
//	atomicbreaker.transitions  counter  {transition}  by atomicbreaker.from, .to and .cause
//	atomicbreaker.not_closed   counter  s             time in any state but closed
//
// Of adapters that were attached, such as a breakerio.Writer:
//
//	atomicbreaker.diverted  counter  {write}   that the sink did not take, by atomicbreaker.reason: rejected,
//	                                           failed, panicked, busy or record_error
//	atomicbreaker.lost      counter  {write}   that the fallback did not take either
//	atomicbreaker.torn      counter  {write}   of which the sink or the fallback took only a part
//	atomicbreaker.late      counter  {write}   that the sink may finish after the fallback took the records
//	atomicbreaker.outages   counter  {outage}  that have ended
//
// Of a breakerio.Batcher:
//
//	atomicbreaker.batcher.records     counter  {record}  accepted
//	atomicbreaker.batcher.batches     counter  {batch}   written to the sink or the fallback, or lost
//	atomicbreaker.batcher.overflowed  counter  {record}  that went directly to the fallback
//	atomicbreaker.batcher.waiting     sum      By        of records in memory
//
// Of a breakerspool.Spool:
//
//	atomicbreaker.spool.records     sum      {record}  kept
//	atomicbreaker.spool.size        sum      By        on disk
//	atomicbreaker.spool.oldest_age  gauge    s         of the oldest record, 0 without one
//	atomicbreaker.spool.appended    counter  {record}  written
//	atomicbreaker.spool.replayed    counter  {record}  taken by the sink
//	atomicbreaker.spool.repeated    counter  {record}  offered to the sink again
//	atomicbreaker.spool.dropped     counter  {record}  given up, including those set aside as rejected
//	atomicbreaker.spool.corrupt     counter  {part}    damaged, of one or more records each
//
// Of a group of breakers, however many it has:
//
//	atomicbreaker.group.breakers    sum      {breaker}     by atomicbreaker.state
//	atomicbreaker.group.probes_due  sum      {breaker}     open breakers whose next call is a probe
//	atomicbreaker.group.opened      counter  {transition}  from closed to open
//	atomicbreaker.group.not_closed  counter  s             time in any state but closed, the sum of the breakers
//	atomicbreaker.group.evicted     counter  {breaker}     given up for another key
//	atomicbreaker.group.overflowed  counter  {call}        that got the shared breaker
//
// Series exist from the start, with 0. Breakers of one name share their series, which show the sum;
// a gauge shows the largest. Bytes of a name that are not UTF-8 become U+FFFD. When the program
// drops a breaker, its counters stay.
//
// The SDK keeps at most 2,000 series of an instrument by default, and a breaker has 20 series of
// atomicbreaker.transitions. With 100 names or more, raise the limit with WithCardinalityLimit of
// the SDK, or use a breakers.Group.
//
// # Events
//
// An event is a log record with a name. [WithEvents] emits one for each transition of a breaker, and
// lists its attributes. The breaker opens because its sink is down, so do not send the events through
// that sink. A provider for standard error, or for the file that is the fallback:
//
//	exporter, err := stdoutlog.New(stdoutlog.WithWriter(os.Stderr))
//	events := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)))
//
// Shut the provider down after the last transition; an event that is emitted later is gone.
//
// # Prometheus
//
// The Prometheus exporter of OpenTelemetry turns these names into those of breakerprom, with other
// labels. This relabeling makes the labels equal, so that alerts.yml and dashboard.json of
// breakerprom work:
//
//	metric_relabel_configs:
//	  - regex: atomicbreaker_(name|state|from|to|cause|reason)
//	    action: labelmap
//	  - regex: atomicbreaker_(name|state|from|to|cause|reason)
//	    action: labeldrop
//
// # Versions
//
// The module requires Go 1.25, and so the last versions of the OpenTelemetry modules that do. The
// log API that it uses is the same in v1.47.0, which is the first stable one and requires Go 1.26.
package breakerotel
