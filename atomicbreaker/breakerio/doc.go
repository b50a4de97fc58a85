// SPDX-License-Identifier: Apache-2.0

// Package breakerio puts a circuit breaker between a logger and a sink that is an io.Writer, and
// loses no record.
//
//	lane := breakerio.NewLane(loki, 2*time.Second, breakerio.WithKeptBuffer(256<<10))
//	w := breakerio.NewWriter(atomicbreaker.MustNew("loki"), lane, file)
//	b := breakerio.NewBatcher(w)
//	logger := slog.New(slog.NewJSONHandler(b, nil))
//
// Only the Writer is needed; the other parts are for the sinks and loggers that need them, in this
// order:
//
//   - [Batcher] is for 10^5 to 10^7 records a second, and for callers that must not wait for a
//     sink.
//   - [Writer] asks the breaker before each write, and takes to the fallback what the sink does not
//     take.
//   - [Lane] is for sinks that are slow or may hang.
//   - [Reopener] is for sockets, and for files that are rotated away.
//
// All of them are safe for concurrent use, the Writer as far as its two sinks are.
//
// # Position
//
// A [Writer] belongs below every buffer and queue, and above the last thing that reports a true
// result:
//
//	logger → buffer, queue → Writer → sink
//
// Above a bufio.Writer, zap's BufferedWriteSyncer, zerolog's diode, an asynchronous writer or a
// plain NATS publish it sees nothing but success, because those return before the sink has been
// asked. A buffer above the Writer should be a Batcher, which writes whole records and has room for
// them while the sink is slow.
//
// # What must not log
//
// The breaker never talks through the sink it guards. The hooks of
// [atomicbreaker.WithOnTransition], and the functions of [WithOnOutage], [WithOnDiverted],
// [WithOnLost] and [WithRecordErrors], run inside the guarded write: they must not log through the
// same logger. The handlers of log/slog and log hold a mutex while they write, so such a function
// would wait for itself. After slog.SetDefault, log.Printf is the same logger. The hook that may
// log is [atomicbreaker.WithAsyncOnTransition].
//
// # What is promised
//
// Every record ends in exactly one of primary, fallback, lost. Those that trip the breaker and
// those of failed probes go to the fallback too, in the same call. Lost means that both refused it:
// the record is counted, and goes to [WithOnLost] or is reported by a line on os.Stderr, at most
// one every 10 seconds. A batch of lines is split: the fallback gets the lines that the primary
// does not hold whole (see [WithWholeRecords]).
//
// Every record is readable where it is. A write that cut a line costs that line: the next write to
// the same side begins with a newline. This is exact where one goroutine writes at a time, as under
// a logger's lock or a Batcher; without one, a write that was running already can follow the cut
// directly.
//
// Duplicates are late records ([Lane.Late]), asynchronous probes, and lines that were cut before
// their newline; all are counted. The order of records across the two sinks is not kept, and what a
// sink loses after it reported success is lost: only one that acknowledges each record (an HTTP
// 2xx, say; not a TCP connection) makes this a promise about the far end.
//
// What a Batcher holds in memory dies with the process: at most [WithMaxBytes], and while the sink
// keeps up about what arrives in one [WithFlushInterval].
//
// # Errors and reasons
//
// An error of Write names the sink and the side:
//
//	breakerio: "loki": primary: 503 Service Unavailable; fallback: no space left on device
//
// Test it with [errors.Is] for either side's error, for [ErrNoFallback], for [ErrHung] and
// [ErrBusy], and for [atomicbreaker.ErrRejected] if the breaker turned the record away. After Close
// it is [fs.ErrClosed].
//
// [Stats] counts the writes that the primary did not take, by where they ended and by [Reason].
// [WithOnDiverted] reports each that the fallback took, and [WithOnOutage] each outage once it is
// over.
//
// Only the sink's own failure votes. Errors of a record ([WithRecordErrors]), [ErrBusy], writes
// after Close, and a record that makes both sides panic do not. A success that was slow counts as a
// failure if the breaker has [atomicbreaker.WithSlowThreshold]; its record stays where it is. A
// panic of a sink or of a user's function reaches no logger (see [WithRepanic]).
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
// did not get its turn, or met a hang that is reported already; the record goes to the fallback and
// the breaker stays as it is. A sink that is safe for concurrent use gets a larger width, so that
// callers do not queue up for it: see [WithWidth].
//
// How many callers a hang holds without a Lane depends on the lock that the logger holds while it
// writes (as of Go 1.26, zap 1.28, zerolog 1.35 and logrus 1.10):
//
//   - log, and log/slog's Text and JSON handlers, hold a mutex: every caller.
//   - zap and zerolog hold none: the callers that are in the write. zapcore.Lock, which zap.Open and
//     zap.Config use, and zerolog.SyncWriter hold one: every caller.
//   - logrus holds a mutex, unless SetNoLock was called: every caller.
//
// Choose a timeout that a healthy sink never reaches, and no larger than a caller may wait: a
// caller waits at most for its turn and for the sink, so twice that long. Sync and Close have a
// timeout of their own ([WithSyncTimeout]). A probe may cost its caller another timeout, unless
// [WithAsyncProbes] is set.
//
// A Lane copies each write. Below a Batcher, give it [WithKeptBuffer] of [WithBatchBytes], which is
// 256 KiB by default: it keeps 64 KiB otherwise, and allocates a buffer for each larger batch.
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
// # The end, and standard output
//
// Stop the logger first, and then close the outermost part: Close of a Batcher closes its Writer,
// and that of a Writer closes the primary and then the fallback. Neither waits without bound for a
// sink that hangs: Close waits 5 s, Shutdown as long as its context, and both up to a second longer
// for a Batcher's fallback. Standard output and standard error are never closed. A writer that
// wraps one of them and has a Close method is: hide that method, as with struct{ io.Writer }.
//
// A Go program that writes to its own standard output or standard error when nobody reads it any
// more is killed by SIGPIPE: no writer gets to see that. With signal.Ignore(syscall.SIGPIPE) it is
// an error, and the record goes to the fallback.
package breakerio
