// SPDX-License-Identifier: Apache-2.0

// Package breakerslog puts a circuit breaker between log/slog and a handler, and loses no record.
//
// # Position
//
// A [Handler] belongs below every buffer and queue, and above the last thing that reports a true result: around the handler
// that writes to the sink and returns its error. Above an asynchronous handler, whose Handle returns before the sink has
// been asked, it sees nothing but success.
//
// # What must not log
//
// The breaker never talks through the sink it guards. The hooks of [atomicbreaker.WithOnTransition], and the functions
// of [WithOnOutage] and [WithOnLost], run inside the guarded call: they must not log through the same logger. The hook
// that may is [atomicbreaker.WithAsyncOnTransition].
//
// # Which of the two to use
//
// If primary and fallback take the same bytes, guard the writer: slog.NewJSONHandler(breakerio.NewWriter(…)) encodes each
// record once. Guard the handler if the two encode differently, or if the primary is not a writer. A handler of log/slog
// holds a mutex while it writes, so a writer that hangs holds all its callers; a [breakerio.Lane] below it does not hang.
package breakerslog
