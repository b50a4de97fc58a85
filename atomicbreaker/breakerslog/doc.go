// SPDX-License-Identifier: Apache-2.0

// Package breakerslog puts a circuit breaker between log/slog and a handler. It loses no record
// without a report.
//
//	h := breakerslog.NewHandler(b, slog.NewJSONHandler(loki, nil), slog.NewTextHandler(file, nil))
//	logger := slog.New(h)
//
// Every record ends in exactly one of three places: the primary, the fallback, or lost. Records
// that trip the breaker and records of failed probes go to the fallback, during the same call. A
// record is lost if neither side takes it. The Handler then counts it, and passes it to the
// function of [WithOnLost] or reports it on os.Stderr. [breakerio.Stats] counts the records that
// bypassed the primary, by reason.
//
// # Handler or Writer
//
// If primary and fallback take the same bytes, guard the writer, so that each record is encoded
// once:
//
//	slog.NewJSONHandler(breakerio.NewWriter(b, loki, file), nil)
//
// Guard the handler if the two encode differently, or if the primary is not a writer. A handler
// does not say how much of a record it wrote, so only a [breakerio.Writer] detects short writes,
// repairs torn lines, and splits batches.
//
// A handler of log/slog holds a mutex while it writes, so a writer that hangs blocks all its
// callers. Put a [breakerio.Lane] between the handler and such a writer. With a [breakerio.Batcher]
// above a Writer, no caller waits for the sink.
//
// # Position
//
// A [Handler] belongs below every buffer and queue, and above the last component that reports a
// true result: around the handler that writes to the sink and returns its error. Above an
// asynchronous handler, whose Handle returns before the sink has the record, it sees only success.
// A handler that fans out reports a failure of one child for all children, so guard each child.
//
// # What must not log
//
// The breaker never logs through the sink it guards. The hooks of [atomicbreaker.WithOnTransition],
// and the functions of this package's options, run inside the guarded call and must not log through
// the same logger. After slog.SetDefault, log.Printf is the same logger. Set a hook that logs with
// [atomicbreaker.WithAsyncOnTransition].
//
// # Errors
//
// slog's Logger discards the error of Handle. Use WithOnLost and Stats to detect failures. The
// error names both sides and matches the errors of both:
//
//	breakerslog: "loki": primary: 503 Service Unavailable; fallback: no space left on device
package breakerslog
