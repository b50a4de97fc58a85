// SPDX-License-Identifier: Apache-2.0

// Package breakerzerolog puts a circuit breaker between zerolog and a sink, and loses no record.
//
//	w := breakerzerolog.NewLevelWriter(b, loki, file)
//	logger := zerolog.New(w)
//
// Every record ends in exactly one of primary, fallback, lost. Those that trip the breaker and
// those of failed probes go to the fallback too, in the same call. Lost means that both refused it:
// the record is counted, and goes to [breakerio.WithOnLost] or is reported on os.Stderr.
// [breakerio.Stats] says how many records went past the primary, and for which reason.
//
// # Which of the two to use
//
// A [LevelWriter] passes the level on to sinks that are zerolog.LevelWriters. If neither side is
// one, a [breakerio.Writer] does the same. Many records a second, or callers that must not wait for
// the sink, need a [breakerio.Batcher] above a Writer, and a sink that may hang needs a
// [breakerio.Lane] below it:
//
//	lane := breakerio.NewLane(loki, 2*time.Second, breakerio.WithKeptBuffer(256<<10))
//	logger := zerolog.New(breakerio.NewBatcher(breakerio.NewWriter(b, lane, file)))
//
// A Lane does not know levels.
//
// # Position
//
// The breaker belongs below every buffer and queue, and above the last thing that reports a true
// result: below zerolog's diode, not above it, where it would see nothing but success. A diode that
// is full drops records before they reach the LevelWriter, and only the diode's own function hears
// of that; a [breakerio.Batcher] sends them to the fallback instead. A zerolog.MultiLevelWriter
// reports one writer's failure for all: guard each writer.
//
// # What must not log
//
// The breaker never talks through the sink it guards. The hooks of
// [atomicbreaker.WithOnTransition], and the functions of options such as [breakerio.WithOnOutage]
// and [breakerio.WithOnLost], run inside the guarded write: they must not log through the same
// logger. The hook that may is [atomicbreaker.WithAsyncOnTransition].
//
// # Errors and the end
//
// An error names both sides and matches the errors of both; zerolog prints it on os.Stderr, or
// gives it to zerolog.ErrorHandler:
//
//	breakerzerolog: "loki": primary: 503 Service Unavailable; fallback: no space left on device
//
// A LevelWriter is safe for concurrent use as far as its two sides are. It closes both, but never
// standard output and standard error. A ConsoleWriter closes what it writes to: hide its Close
// method if that is shared, as with struct{ io.Writer }. Do not put one below a Batcher: of a batch
// it prints the first record alone.
package breakerzerolog
