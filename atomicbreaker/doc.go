// SPDX-License-Identifier: Apache-2.0

// Package atomicbreaker is a circuit breaker for the hot path of a high-throughput logger.
//
// Put one [Breaker] between a logger and each of its sinks. While the sink is healthy, the breaker
// admits a record at the cost of a load. Once the sink has failed often enough, the breaker rejects
// records, also at the cost of a load, and they can go to a fallback. After a recovery timeout a
// bounded number of probes tests the sink again.
//
//	b := atomicbreaker.MustNew("loki")
//	err := b.Do(func() error { return push(record) })
//	if errors.Is(err, atomicbreaker.ErrRejected) {
//		// push was not called
//	}
//
// # Which call to use
//
//   - [Breaker.Do] and [Call] if the guarded code is a function. They report every outcome, including
//     a panic.
//   - [Breaker.TryAcquire] if it is not, as in an io.Writer. The [Permit] belongs to the period in
//     which it was given, so an answer from before an outage cannot decide after it.
//   - [Breaker.Allow] with [Breaker.RecordSuccess] and [Breaker.RecordFailure] if a permit cannot be
//     carried from the call to its outcome, and for code that was written for fapilog.
//
// One admission is one outcome: a batch, or a call with retries inside, takes one permit and reports
// once.
//
// # States
//
//	            failures reach the threshold, Trip, TripFor
//	Closed ────────────────────────────────────────────────▶ Open
//	  ▲                                                      │  ▲
//	  │ probes succeed      the recovery timeout is over and │  │ a probe fails,
//	  │                     a caller asks: it is the probe   ▼  │ or none answers
//	  └───────────────────────────────────────────────── HalfOpen
//
// [Breaker.Reset] closes the breaker from any state. [Breaker.ForceOpen] and [Breaker.ForceClosed]
// hold it until Reset or the other one. A breaker leaves Open when a caller asks, never by itself.
//
// # Guarantees
//
// Every call takes effect at one instant (it is linearizable), and no call waits for another. The
// package takes no lock. It starts goroutines only to deliver transitions, and they end when that is
// done. On a healthy breaker Allow, RecordSuccess, TryAcquire and Permit.Success are one load each.
// Only a published transition, the start of a timer and a slow success allocate. Each hook gets each
// transition exactly once, in order, one at a time. A hook's panic ends at the hook.
//
// Timers are monotonic and never early. They may be late by the scheduler's latency: 10 to 20 ms when
// every processor is busy.
//
// A breaker belongs to one process and knows only what is reported to it. Put it below every buffer
// and queue, and above the last component that returns a true result.
//
// Guard each call once: a Do inside a Do of the same breaker asks for two probes, and with one allowed
// the breaker never recovers. In tests, use a breaker either inside a [testing/synctest] bubble or
// outside of it: using it on both sides ends the program.
//
// CONCURRENCY.md, in the root of the module, has the full contract: linearization points, orderings,
// invariants, and the tests of each.
package atomicbreaker
