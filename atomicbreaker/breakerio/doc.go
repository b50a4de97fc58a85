// SPDX-License-Identifier: Apache-2.0

// Package breakerio puts a circuit breaker between a logger and a sink that is an io.Writer, and
// loses no record.
//
//	lane := breakerio.NewLane(loki, 2*time.Second, breakerio.WithKeptBuffer(256<<10))
//	w := breakerio.NewWriter(atomicbreaker.MustNew("loki"), lane, file)
//	b := breakerio.NewBatcher(w)
//	logger := slog.New(slog.NewJSONHandler(b, nil))
//
// Only the Writer is required. The other parts are for the sinks and loggers that need them, in
// this order:
//
//   - [Batcher] is for 10^5 to 10^7 records per second, and for callers that must not wait for a
//     sink.
//   - [Writer] asks the breaker before each write, and sends to the fallback what the sink does not
//     take.
//   - [Lane] is for sinks that are slow or may hang.
//   - [Reopener] is for sockets, and for files that are rotated.
//
// All of them are safe for concurrent use, the Writer if its two sinks are.
//
// # Position
//
// A [Writer] belongs below every buffer and queue, and above the last component that reports a true
// result:
//
//	logger → buffer, queue → Writer → sink
//
// Above a bufio.Writer, zap's BufferedWriteSyncer, zerolog's diode, an asynchronous writer or a
// plain NATS publish, a Writer sees only success, because those return before the sink has the
// record. The buffer above the Writer should be a Batcher, which writes whole records and keeps
// them in memory while the sink is slow.
//
// # What must not log
//
// The breaker never logs through the sink it guards. The hooks of [atomicbreaker.WithOnTransition],
// and the functions of [WithOnOutage], [WithOnDiverted], [WithOnLost] and [WithRecordErrors], run
// inside the guarded write and must not log through the same logger. The handlers of log/slog and
// log hold a mutex while they write, so such a function would deadlock. After slog.SetDefault,
// log.Printf is the same logger. A hook that logs must be set with
// [atomicbreaker.WithAsyncOnTransition].
//
// # Guarantees
//
// Every record ends in exactly one of primary, fallback and lost. Records that trip the breaker and
// records of failed probes also go to the fallback, during the same call. A record is lost if
// neither side takes it. It is then counted, and passed to [WithOnLost] or reported on os.Stderr
// with at most one line every 10 seconds. A batch of lines is split: the fallback gets the lines
// that the primary did not take whole (see [WithWholeRecords]).
//
// Every record is readable where it is. If a write tears a line, only that line is damaged: the
// next write to the same side begins with a newline. This is exact where one goroutine writes at a
// time, as under a logger's lock or a Batcher. Otherwise, a write that was already in progress can
// directly follow the torn line.
//
// Duplicates come from late records ([Lane.Late]), asynchronous probes, and lines that were torn
// before their newline; all are counted. The order of records across the two sinks is not
// preserved. What a sink loses after it reported success is lost: the guarantee extends to the far
// end only if the sink acknowledges each record (for example with an HTTP 2xx; a TCP connection
// does not).
//
// What a Batcher holds in memory is lost if the process dies: at most [WithMaxBytes], and while the
// sink keeps up, about what arrives in one [WithFlushInterval].
//
// # Errors and reasons
//
// An error of Write names the breaker and the side:
//
//	breakerio: "loki": primary: 503 Service Unavailable; fallback: no space left on device
//
// Use [errors.Is] to test it for the error of either side, for [ErrNoFallback], for [ErrHung] and
// [ErrBusy], and for [atomicbreaker.ErrRejected] if the breaker rejected the record. After Close
// the error is [fs.ErrClosed].
//
// [Stats] counts the writes that the primary did not take, by outcome and by [Reason].
// [WithOnDiverted] reports each write that the fallback took, and [WithOnOutage] reports each
// outage when it has ended.
//
// Only failures of the sink itself count against it. Errors of a record ([WithRecordErrors]),
// [ErrBusy], writes after Close, and a record that makes both sides panic do not. If the breaker
// has [atomicbreaker.WithSlowThreshold], a slow success counts as a failure; its record is not
// diverted. A panic of a sink or of a user's function does not reach the logger (see
// [WithRepanic]).
//
// # Sinks that hang
//
// A write that does not return blocks its caller, and all other callers if the logger writes under
// a mutex. The breaker cannot open, because nothing fails. Give the sink a deadline if it supports
// one. Otherwise put a [Lane] in front of it, as the primary:
//
//	lane := breakerio.NewLane(pipe, 100*time.Millisecond)
//	w := breakerio.NewWriter(b, lane, os.Stderr)
//
// A Lane waits for a limited time and returns one of two errors. [ErrHung] is a failure of the
// sink. A Lane returns it at most once per timeout, so a failure threshold of n opens the breaker
// after n timeouts of a hang, however many goroutines log. [ErrBusy] means that the record did not
// get its turn, or met a hang that was already reported. The record goes to the fallback and the
// state of the breaker does not change. For a sink that is safe for concurrent use, set a larger
// width, so that callers do not queue for it: see [WithWidth].
//
// Without a Lane, how many callers a hang blocks depends on the lock that the logger holds while it
// writes (as of Go 1.26, zap 1.28, zerolog 1.35 and logrus 1.10):
//
//   - log, and log/slog's Text and JSON handlers, hold a mutex: all callers.
//   - zap and zerolog hold none: the callers that are in the write. zapcore.Lock, which zap.Open
//     and zap.Config use, and zerolog.SyncWriter hold one: all callers.
//   - logrus holds a mutex, unless SetNoLock was called: all callers.
//
// Choose a timeout that a healthy sink never reaches and that a caller can afford twice: a caller
// waits for its turn and then for the sink. Sync and Close have their own timeout
// ([WithSyncTimeout]). A probe may cost its caller another timeout, unless [WithAsyncProbes] is
// set.
//
// A Lane copies each write. Below a Batcher, set its [WithKeptBuffer] to [WithBatchBytes], which is
// 256 KiB by default. Otherwise it keeps 64 KiB and allocates a buffer for each larger batch.
//
// # Sinks that break
//
// A broken socket stays broken, and a breaker that probes it never closes. [Reopener] opens a new
// connection:
//
//	dial := func(ctx context.Context) (io.WriteCloser, error) {
//		return new(net.Dialer).DialContext(ctx, "tcp", "collector:5140")
//	}
//	sink := breakerio.NewReopener(dial)
//	lane := breakerio.NewLane(sink, 100*time.Millisecond, breakerio.WithCloseOnHang())
//	w := breakerio.NewWriter(b, lane, os.Stderr)
//
// The Writer decides whether to use the sink, the Lane limits how long that takes, and the Reopener
// connects. With [WithCloseOnHang] the Lane aborts a dial or a write that hangs, so that the next
// probe dials again.
//
// # Closing, and standard output
//
// Stop the logger first, and then close the outermost part: Close of a Batcher closes its Writer,
// and Close of a Writer closes the primary and then the fallback. Both are bounded even if a sink
// hangs: Close waits 5 s, Shutdown until its context ends, and both up to a second longer for a
// Batcher's fallback. Standard output and standard error are never closed. A writer that wraps one
// of them and has a Close method is closed: hide that method, as with struct{ io.Writer }.
//
// A Go program that writes to its own standard output or standard error after the reader has gone
// is killed by SIGPIPE, before any writer can react. After signal.Ignore(syscall.SIGPIPE) the write
// returns an error instead, and the record goes to the fallback.
package breakerio
