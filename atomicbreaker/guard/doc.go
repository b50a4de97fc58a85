// SPDX-License-Identifier: Apache-2.0

// Package guard is the common part of the logger adapters. The primary is the guarded sink, and the
// fallback gets each record that the primary does not take. Use this package to write an adapter
// for another logger; the example is complete. To guard a logger, use package breakerio,
// breakerslog, breakerzap or breakerzerolog instead.
//
// A [Guard] counts diverted and lost records by [Reason], decides which errors count as failures of
// the primary, contains panics, reports losses, diversions and outages, and closes both sides in
// bounded time. The adapter itself contains the healthy path, so that it makes no extra calls:
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
// Call TryAcquire after the defer statement. A hook of the breaker may end the goroutine during
// TryAcquire, so the deferred function must call Reject if no permit was acquired.
//
// Reject, Fail, Unwound and Busy call the fallback before they return. Their error is nil if the
// fallback took the record. Otherwise it names both sides and matches the errors of both. [Bytes]
// is a Guard for sinks that are io.Writers. It tracks how many bytes of a write each side took,
// splits batches at line boundaries, and repairs torn lines.
//
// All methods are safe for concurrent use, except [Bytes.Serialize]. While the primary takes
// everything, a guard is only read, never written.
package guard
