// SPDX-License-Identifier: Apache-2.0

// Package atomicbreaker is a circuit breaker for the hot path of a high-throughput logger.
//
// Between a logger and each of its sinks stands one [Breaker]. While the sink is healthy, asking it costs a load. Once
// the sink has failed often enough, records are turned away, to a fallback, at the price of a load. After a recovery
// timeout a bounded number of probes tests the sink again.
//
//	b := atomicbreaker.MustNew("loki")
//	err := b.Do(func() error { return push(record) })
//	if errors.Is(err, atomicbreaker.ErrRejected) {
//		// push was not called
//	}
//
// # Which call to use
//
//   - [Breaker.Do] and [Call] where the guarded code is a function: nothing can be forgotten, panics included.
//   - [Breaker.TryAcquire] where it is not, as in an io.Writer. The [Permit] belongs to the period in which it was given,
//     so an answer from before an outage cannot decide after it.
//   - [Breaker.Allow] with [Breaker.RecordSuccess] and [Breaker.RecordFailure] for code that comes from fapilog, or where
//     a permit cannot be carried from the call to its outcome.
//
// One admission is one outcome: a batch or a call with retries inside takes one permit and reports once.
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
// [Breaker.Reset] closes it from anywhere. [Breaker.ForceOpen] and [Breaker.ForceClosed] hold it until Reset or the other
// one. A breaker leaves Open when a caller asks, never by itself.
//
// # What it promises
//
// Every call takes effect at one instant (it is linearizable) and none waits for another: the package
// takes no lock, and starts goroutines only to deliver transitions, none of which stays. On a healthy
// breaker Allow, RecordSuccess, TryAcquire and Permit.Success are one load each. Nothing but a
// published transition and the start of a timer allocates. Transitions are delivered to the hooks
// exactly once, in order, one at a time; a hook's panic goes no further than the hook.
//
// Timers are monotonic and never early. They may be late by the scheduler's latency, some 10 to 20 ms when every processor is
// busy. The breaker is of one process, and knows of the sink only what is reported to it: it belongs below every buffer
// and queue, above the last thing that returns a true result.
//
// Guard each call once: a Do inside a Do of the same breaker asks for two probes, and with one allowed
// the breaker never recovers. In tests, use a breaker either inside a [testing/synctest] bubble or
// outside of it: a breaker used on both sides ends the program.
//
// CONCURRENCY.md, in the root of the module, is the contract in full: linearization points, orderings, invariants, and
// the tests that stand for each.
package atomicbreaker
