// SPDX-License-Identifier: Apache-2.0

// Package guard holds what the adapters for loggers share: everything that happens to a record that
// the primary did not take. Use it to write an adapter for another logger; the example is a whole
// one. To guard a logger, use packages breakerio, breakerslog, breakerzap or breakerzerolog
// instead.
//
// A [Guard] counts diverted and lost records by [Reason], decides which errors vote, contains
// panics, reports losses, diversions and outages, and closes both sides in bounded time. The
// healthy path belongs to the adapter, so that it costs no call more than it must:
//
//	if g.Closed() {
//		return g.Refusal()
//	}
//	permit, ok := breaker.TryAcquire()
//	if !ok {
//		return g.Reject(record)
//	}
//	start := g.Start()
//	// The primary takes the record: otherwise Fail, or Unwound in a deferred function.
//	g.Succeed(&permit, start)
//
// Ask the breaker below the deferred function, and let that call Reject if nothing was admitted: a
// hook of the breaker may end the goroutine.
//
// Reject, Fail, Unwound and Busy call the fallback before they return. Their error is nil if the
// fallback took the record; otherwise it names both sides and matches the errors of both. [Bytes]
// is the guard of sinks that are io.Writers: it knows how much of a write each side took, splits
// batches at lines, and repairs lines that were cut.
//
// All methods are safe for concurrent use, except [Bytes.Serialize]. A guard whose primary takes
// everything is read and not written.
package guard
