// SPDX-License-Identifier: Apache-2.0

// Package guard contains what the adapters for loggers share: everything that happens to a record
// that the primary did not take. Use it to write an adapter for another logger; the example is a
// complete one. To guard a logger, use package breakerio, breakerslog, breakerzap or breakerzerolog
// instead.
//
// A [Guard] counts diverted and lost records by [Reason], decides which errors count as failures of
// the primary, contains panics, reports losses, diversions and outages, and closes both sides in
// bounded time. The healthy path is part of the adapter, so that it makes no extra calls:
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
// Call TryAcquire below the deferred function, and let that function call Reject if no permit was
// acquired: a hook of the breaker may end the goroutine.
//
// Reject, Fail, Unwound and Busy call the fallback before they return. Their error is nil if the
// fallback took the record. Otherwise it names both sides and matches the errors of both. [Bytes]
// is the guard of sinks that are io.Writers: it tracks how many bytes of a write each side took,
// splits batches at line boundaries, and repairs torn lines.
//
// All methods are safe for concurrent use, except [Bytes.Serialize]. While the primary takes
// everything, a guard is only read, never written.
package guard
