// SPDX-License-Identifier: Apache-2.0

// Package breakerio puts a circuit breaker between a logger and a sink that is an io.Writer. It
// loses no record without a report.
//
//	lane := breakerio.NewLane(loki, 2*time.Second, breakerio.WithKeptBuffer(256<<10))
//	w := breakerio.NewWriter(atomicbreaker.MustNew("loki"), lane, file)
//	b := breakerio.NewBatcher(w)
//	logger := slog.New(slog.NewJSONHandler(b, nil))
//
// Only the Writer is required. Add the other parts if the sink or the logger needs them, in this
// order:
//
//   - [Batcher] is for 10^5 to 10^7 records per second, and for callers that must not wait for a
//     sink.
//   - [Writer] writes to the sink while the breaker admits it, and sends to the fallback what the
//     sink does not take.
//   - [Lane] is for sinks that are slow or may hang.
//   - [Reopener] is for sockets, and for files that are rotated.
//
// All of them are safe for concurrent use; the Writer requires that its two sinks are too.
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
// log.Printf is the same logger. Set a hook that logs with [atomicbreaker.WithAsyncOnTransition].
//
// # Guarantees
//
// Every record ends in exactly one of three places: the primary, the fallback, or lost. Records
// that trip the breaker and records of failed probes go to the fallback, during the same call. A
// record is lost if neither side takes it. The Writer then counts it, and passes it to the function
// of [WithOnLost] or reports it on os.Stderr, with at most one line every 10 seconds. A batch of
// lines is split: the fallback gets the lines that the primary did not take whole (see
// [WithWholeRecords]).
//
// A torn line damages no other record. If a side takes only a part of a line, the next write to
// that side begins with a newline. This always holds if one goroutine writes at a time, as under a
// logger's lock or a Batcher. Otherwise, a write that was already in progress may directly follow
// the torn line.
//
// Duplicates come from late records ([Lane.Late]), asynchronous probes, and lines that were torn
// before their newline; all are counted. The order of records across the two sinks is not
// preserved. A Writer cannot detect that a sink loses a record after it reported success. The
// guarantee extends to the far end only if the sink acknowledges each record, as an HTTP server
// does with a 2xx. A TCP connection does not.
//
// If the process dies, the records in a Batcher's memory are lost: at most [WithMaxBytes], and
// about one [WithFlushInterval] of records while the sink keeps up.
//
// # Errors and reasons
//
// An error of Write names the breaker and the side:
//
//	breakerio: "loki": primary: 503 Service Unavailable; fallback: no space left on device
//
// With [errors.Is] it matches the errors of both sides, including [ErrNoFallback], [ErrHung] and
// [ErrBusy], and [atomicbreaker.ErrRejected] if the breaker rejected the record. After Close, it
// matches [fs.ErrClosed].
//
// [Stats] counts the writes that the primary did not take, by outcome and by [Reason].
// [WithOnDiverted] reports each write that the fallback took, and [WithOnOutage] reports each
// outage when it has ended.
//
// Only failures of the sink count as failures. Errors of a record ([WithRecordErrors]), [ErrBusy],
// writes after Close, and a record that makes both sides panic do not count. If the breaker has
// [atomicbreaker.WithSlowThreshold], a slow success counts as a failure; its record is not
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
// get its turn, or that the sink hangs and the hang has already been reported. In both cases the
// record goes to the fallback. ErrBusy does not change the state of the breaker. If the sink is
// safe for concurrent use, set a larger width with [WithWidth], so that callers do not queue for
// it.
//
// Without a Lane, the number of callers that a hang blocks depends on the lock that the logger
// holds while it writes (as of Go 1.26, zap 1.28, zerolog 1.35 and logrus 1.10):
//
//   - log, and log/slog's Text and JSON handlers, hold a mutex: all callers.
//   - zap and zerolog hold none: only the callers that are in the write. zapcore.Lock, which
//     zap.Open and zap.Config use, and zerolog.SyncWriter hold a mutex: all callers.
//   - logrus holds a mutex, unless SetNoLock was called: all callers.
//
// Choose a timeout that a healthy sink never reaches and that a caller can afford twice, because a
// caller waits for its turn and then for the sink. Sync and Close have their own timeout
// ([WithSyncTimeout]). A probe may cost its caller another timeout, unless [WithAsyncProbes] is
// set.
//
// A Lane copies each write. Below a Batcher, set its [WithKeptBuffer] to [WithBatchBytes], which is
// 256 KiB by default. Otherwise it keeps 64 KiB and allocates a buffer for each larger batch.
//
// # Sinks that break
//
// A broken socket stays broken, so all probes fail and the breaker never closes. A [Reopener] opens
// a new connection:
//
//	dial := func(ctx context.Context) (io.WriteCloser, error) {
//		return new(net.Dialer).DialContext(ctx, "tcp", "collector:5140")
//	}
//	sink := breakerio.NewReopener(dial)
//	lane := breakerio.NewLane(sink, 100*time.Millisecond, breakerio.WithCloseOnHang())
//	w := breakerio.NewWriter(b, lane, os.Stderr)
//
// The Writer decides whether to use the sink, the Lane limits the time of a call, and the Reopener
// connects. With [WithCloseOnHang] the Lane aborts a dial or a write that hangs, so that the next
// probe dials again.
//
// # Closing, and standard output
//
// Stop the logger first, and then close the outermost part: Close of a Batcher closes its Writer,
// and Close of a Writer closes the primary and then the fallback. Both return in bounded time even
// if a sink hangs: Close after 5 s, and Shutdown when its context ends. Those of a Batcher wait up
// to a second longer for the fallback. Standard output and standard error are never closed. A
// writer that wraps one of them and has a Close method is closed: hide that method, as with struct{
// io.Writer }.
//
// A Go program that writes to its own standard output or standard error after the reader has gone
// is killed by SIGPIPE, before any writer can react. After signal.Ignore(syscall.SIGPIPE) the write
// returns an error instead, and the record goes to the fallback.
package breakerio
