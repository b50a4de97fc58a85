// SPDX-License-Identifier: Apache-2.0

// Package atomicbreaker is a circuit breaker for the hot path of a high-throughput logger.
//
// Put one [Breaker] between a logger and each of its sinks. While the sink is healthy, the breaker
// admits each record with one atomic load. Once the sink has failed often enough, the breaker
// rejects records, also with one load, and the caller can send them to a fallback. After a recovery
// timeout, a bounded number of probes tests the sink.
//
//	b := atomicbreaker.MustNew("loki")
//	err := b.Do(func() error { return push(record) })
//	if errors.Is(err, atomicbreaker.ErrRejected) {
//		// push was not called
//	}
//
// # Which call to use
//
//   - [Breaker.Do] or [Call] if the guarded code is a function. They report every outcome,
//     including a panic.
//   - [Breaker.TryAcquire] if the guarded code is not a function, as in an io.Writer. The [Permit]
//     belongs to the period in which it was given, so an outcome from before an outage does not
//     count after it.
//   - [Breaker.Allow] with [Breaker.RecordSuccess] and [Breaker.RecordFailure] if the code cannot
//     carry a permit from the call to its outcome, or was written for fapilog.
//
// Each admission has one outcome: a batch, or a call that retries internally, takes one permit and
// reports once.
//
// # States
//
//	            failures reach the threshold, Trip, TripFor
//	Closed ────────────────────────────────────────────────▶ Open
//	  ▲                                                      │  ▲
//	  │ probes succeed    the recovery timeout is over and   │  │ a probe fails
//	  │                   a call arrives, which is a probe   ▼  │ or times out
//	  └───────────────────────────────────────────────── HalfOpen
//
// [Breaker.Reset] closes the breaker from any state. [Breaker.ForceOpen] and [Breaker.ForceClosed]
// hold it open or closed until Reset or the opposite call. An open breaker becomes half-open only
// when a call arrives, never by itself. A period is the time between two transitions, and its
// generation is the number of transitions before it.
//
// # Guarantees
//
// Every call takes effect at one instant (it is linearizable), and no call waits for another. The
// package takes no lock. Its only goroutines deliver transitions, and end when none is left. On a
// healthy breaker, which is closed and has no failures counted, Allow, RecordSuccess, TryAcquire
// and Permit.Success perform one load each. A guarded call allocates memory only to publish a
// transition, to start a timer or to report a slow success. Each hook is called with each
// transition exactly once, in order, one at a time. A panic in a hook is recovered and reported.
//
// Timers use the monotonic clock and never fire early. They may be late by the scheduler's latency:
// 10 to 20 ms when every processor is busy.
//
// A breaker is local to one process, and its decisions depend only on what callers report. Put it
// below every buffer and queue, and above the last component that returns a true result.
//
// Guard each call once: a Do inside a Do of the same breaker needs two probes, so with one probe
// allowed the breaker never recovers. In tests, use a breaker either inside a [testing/synctest]
// bubble or outside of it. Using it both inside and outside crashes the program.
//
// CONCURRENCY.md, in the root of the module, has the full contract: linearization points,
// orderings, invariants, and the tests for each.
package atomicbreaker
