// SPDX-License-Identifier: Apache-2.0

// Package breakerslog puts a circuit breaker between log/slog and a handler, and loses no record.
//
//	h := breakerslog.NewHandler(b, slog.NewJSONHandler(loki, nil), slog.NewTextHandler(file, nil))
//	logger := slog.New(h)
//
// Every record ends in exactly one of primary, fallback, lost. Those that trip the breaker and
// those of failed probes go to the fallback too, in the same call. Lost means that both refused it:
// the record is counted, and goes to [WithOnLost] or is reported on os.Stderr. [breakerio.Stats]
// says how many records went past the primary, and for which reason.
//
// # Which of the two to use
//
// If primary and fallback take the same bytes, guard the writer, which encodes each record once:
//
//	slog.NewJSONHandler(breakerio.NewWriter(b, loki, file), nil)
//
// Guard the handler if the two encode differently, or if the primary is not a writer. A handler
// does not say how much of a record it wrote, so only a [breakerio.Writer] notices short writes,
// repairs lines that were cut, and splits batches.
//
// A handler of log/slog holds a mutex while it writes, so a writer that hangs holds all its
// callers. A [breakerio.Lane] below it does not hang. No caller waits for the sink with a
// [breakerio.Batcher] above a Writer.
//
// # Position
//
// A [Handler] belongs below every buffer and queue, and above the last thing that reports a true
// result: around the handler that writes to the sink and returns its error. Above an asynchronous
// handler, whose Handle returns before the sink has been asked, it sees nothing but success. A
// handler that fans out reports one child's failure for all: guard each child.
//
// # What must not log
//
// The breaker never talks through the sink it guards. The hooks of
// [atomicbreaker.WithOnTransition], and the functions of this package's options, run inside the
// guarded call: they must not log through the same logger. After slog.SetDefault, log.Printf is the
// same logger. The hook that may log is [atomicbreaker.WithAsyncOnTransition].
//
// # Errors
//
// slog's Logger drops the error of Handle; use WithOnLost and Stats to see what went wrong. The
// error names both sides, and matches the errors of both:
//
//	breakerslog: "loki": primary: 503 Service Unavailable; fallback: no space left on device
package breakerslog
