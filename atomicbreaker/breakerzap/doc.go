// SPDX-License-Identifier: Apache-2.0

// Package breakerzap puts a circuit breaker between zap and a sink, and loses no record.
//
//	w := breakerzap.NewWriteSyncer(b, loki, file)
//	logger := zap.New(zapcore.NewCore(encoder, w, zap.InfoLevel))
//
// Every record ends in exactly one of primary, fallback, lost. Those that trip the breaker and
// those of failed probes go to the fallback too, in the same call. Lost means that both refused it:
// the record is counted, and goes to the function of WithOnLost or is reported on os.Stderr.
// [breakerio.Stats] says how many records went past the primary, and for which reason.
//
// # Which of the two to use
//
// [NewWriteSyncer] gives primary and fallback the same bytes, encoded once. It returns a
// [breakerio.Writer] and takes the options of package breakerio. [NewCore] is for two that encode
// differently, and has the options of this package. A core does not say how much of an entry it
// wrote, so only the Writer notices short writes and repairs lines that were cut.
//
// Many records a second, or callers that must not wait for the sink, need a [breakerio.Batcher]
// above the Writer, and a sink that may hang needs a [breakerio.Lane] below it:
//
//	lane := breakerio.NewLane(loki, 2*time.Second, breakerio.WithKeptBuffer(256<<10))
//	w := breakerzap.NewWriteSyncer(b, lane, file)
//	core := zapcore.NewCore(encoder, breakerio.NewBatcher(w), zap.InfoLevel)
//
// # Position
//
// The breaker belongs below every buffer and queue, and above the last thing that reports a true
// result: below a zapcore.BufferedWriteSyncer, not above it, where it would see nothing but
// success. A BufferedWriteSyncer never writes again after an error; give the Writer below it
// [breakerio.WithLossAsSuccess], or use a Batcher.
//
// zap.Open and zap.Config put zapcore.Lock around a sink. A panic of the sink leaves that locked,
// and a hang holds every caller: put a Lane above what zap.Open returns.
//
// # What must not log
//
// The breaker never talks through the sink it guards. The hooks of
// [atomicbreaker.WithOnTransition], and the functions of options such as WithOnOutage and
// WithOnLost, run inside the guarded write: they must not log through the same logger. The hook
// that may is [atomicbreaker.WithAsyncOnTransition].
//
// # Errors and the end
//
// An error names both sides, matches the errors of both, and goes to zap's ErrorOutput:
//
//	breakerzap: "loki": primary: 503 Service Unavailable; fallback: no space left on device
//
// Both have Sync, Shutdown, Close and Stats. Both are safe for concurrent use as far as the two
// sides are. Stop the logger before you close them.
package breakerzap
