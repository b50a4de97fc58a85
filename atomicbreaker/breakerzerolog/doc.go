// SPDX-License-Identifier: Apache-2.0

// Package breakerzerolog puts a circuit breaker between zerolog and a sink. It loses no record
// without a report.
//
//	w := breakerzerolog.NewLevelWriter(b, loki, file)
//	logger := zerolog.New(w)
//
// Every record ends in exactly one of three places: the primary, the fallback, or lost. Records
// that trip the breaker and records of failed probes go to the fallback, during the same call. A
// record is lost if neither side takes it. It is then counted, and passed to the function of
// [breakerio.WithOnLost] or reported on os.Stderr. [breakerio.Stats] counts the records that
// bypassed the primary, by reason.
//
// # LevelWriter or Writer
//
// A [LevelWriter] passes the level to sinks that are zerolog.LevelWriters. If neither side is one,
// use a [breakerio.Writer], which is otherwise the same. For high rates, or callers that must not
// wait for the sink, put a [breakerio.Batcher] above a Writer. For a sink that may hang, put a
// [breakerio.Lane] below it:
//
//	lane := breakerio.NewLane(loki, 2*time.Second, breakerio.WithKeptBuffer(256<<10))
//	logger := zerolog.New(breakerio.NewBatcher(breakerio.NewWriter(b, lane, file)))
//
// A Lane does not pass on levels.
//
// # Position
//
// The breaker belongs below every buffer and queue, and above the last component that reports a
// true result: below zerolog's diode, because above one it would see only success. A full diode
// drops records before they reach the LevelWriter, and reports them only to its own function. A
// [breakerio.Batcher] sends them to the fallback instead. A zerolog.MultiLevelWriter reports a
// failure of one writer for all writers, so guard each writer.
//
// # What must not log
//
// The breaker never logs through the sink it guards. The hooks of [atomicbreaker.WithOnTransition],
// and the functions of options such as [breakerio.WithOnOutage] and [breakerio.WithOnLost], run
// inside the guarded write and must not log through the same logger. Set a hook that logs with
// [atomicbreaker.WithAsyncOnTransition].
//
// # Errors and closing
//
// An error names both sides and matches the errors of both. zerolog prints it on os.Stderr, or
// passes it to zerolog.ErrorHandler:
//
//	breakerzerolog: "loki": primary: 503 Service Unavailable; fallback: no space left on device
//
// A LevelWriter is safe for concurrent use if its two sides are. It closes both sides, but never
// standard output and standard error. A ConsoleWriter closes the writer below it: if that is
// shared, hide the Close method, as with struct{ io.Writer }. Do not put a ConsoleWriter below a
// Batcher: it prints only the first record of each batch.
package breakerzerolog
