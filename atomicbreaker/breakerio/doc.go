// SPDX-License-Identifier: Apache-2.0

// Package breakerio puts a circuit breaker between a logger and a sink that is an io.Writer, and loses no record.
//
// # Position
//
// A [Writer] belongs below every buffer and queue, and above the last thing that reports a true result:
//
//	logger → buffer, queue → breakerio.Writer → sink
//
// Above a bufio.Writer, zap's BufferedWriteSyncer, zerolog's diode, an asynchronous writer or a plain NATS publish it
// sees nothing but success, because those return before the sink has been asked.
//
// # What must not log
//
// The breaker never talks through the sink it guards. The hooks of [atomicbreaker.WithOnTransition], and the functions
// of [WithOnOutage] and [WithOnLost], run inside the guarded write: they must not log through the same logger. The handlers of
// log/slog and log hold a mutex while they write, so such a function would wait for itself. After slog.SetDefault, log.Printf
// is the same logger. The hook that may log is
// [atomicbreaker.WithAsyncOnTransition].
//
// # What is promised
//
//	w := breakerio.NewWriter(atomicbreaker.MustNew("loki"), loki, os.Stderr)
//	logger := slog.New(slog.NewJSONHandler(w, nil))
//
// Every record ends in exactly one of primary, fallback, lost. Those that trip the breaker and those of failed probes go
// to the fallback too, in the same call. Lost means that both refused it; Write returns an error that names both sides, and
// [WithOnLost] gets the record, or by default os.Stderr a line. A batch of lines is split: the fallback gets the lines that
// the primary does not hold whole.
//
// Every record is readable where it is. A write that cut a line costs that line: the next write to the same side begins
// with a newline. This is exact where one goroutine writes at a time, as under a logger's lock; without one, a write that was
// running already can follow the cut directly.
//
// Duplicates are late records ([Lane.Late]), asynchronous probes, and lines that were cut before their newline; all are
// counted. The order of records across the two sinks is not kept, and what a sink loses after it reported success is lost: only
// one that acknowledges each record (an HTTP 2xx, say; not a TCP connection) makes this a promise about the far end.
//
// Only the sink's own failure votes. Errors of a record ([WithRecordErrors]), [ErrBusy], writes after Close, and a record that
// makes both sides panic do not. A panic of a sink or of a user's function reaches no logger (see [WithRepanic]).
//
// # Sinks that hang
//
// A write that does not return holds its caller, and every other one if the logger writes under a
// mutex. The breaker cannot open, because nothing fails. Give the sink a deadline if it knows one.
// Otherwise put a [Lane] in front of it, as the primary:
//
//	lane := breakerio.NewLane(pipe, 100*time.Millisecond)
//	w := breakerio.NewWriter(b, lane, os.Stderr)
//
// A Lane waits for a limited time and returns one of two errors. [ErrHung] is a failure of the
// sink, and a Lane returns it at most once per timeout, so a failure threshold of n opens the
// breaker after n timeouts of a hang, however many goroutines log. [ErrBusy] means that the record
// did not get its turn, or met a hang that is reported already; the record goes to the fallback and the breaker stays as it is. A sink that
// is safe for concurrent use gets a larger width: with [WithWidth](64), 64 goroutines write as fast
// as without a Lane.
//
// Choose a timeout that a healthy sink never reaches, and no larger than a caller may wait: a
// caller waits at most for its turn and for the sink, so twice that long. Sync and Close have a
// timeout of their own ([WithSyncTimeout]).
//
// # Sinks that break
//
// A socket that broke stays broken, and a breaker that probes it never closes. [Reopener] opens it
// anew:
//
//	dial := func(ctx context.Context) (io.WriteCloser, error) {
//		return new(net.Dialer).DialContext(ctx, "tcp", "collector:5140")
//	}
//	sink := breakerio.NewReopener(dial)
//	lane := breakerio.NewLane(sink, 100*time.Millisecond, breakerio.WithCloseOnHang())
//	w := breakerio.NewWriter(b, lane, os.Stderr)
//
// The Writer decides whether the sink is asked, the Lane limits how long that takes, and the
// Reopener connects. With [WithCloseOnHang] the Lane aborts a dial or a write that hangs, so the
// next probe dials again.
//
// # Standard output
//
// A Go program that writes to its own standard output or standard error when nobody reads it any more is killed by SIGPIPE:
// no writer gets to see that. With signal.Ignore(syscall.SIGPIPE) it is an error, and the record goes to the fallback.
package breakerio
