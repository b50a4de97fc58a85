// SPDX-License-Identifier: Apache-2.0

// Package breakerzap puts a circuit breaker between zap and a sink. It loses no record without a
// report.
//
//	w := breakerzap.NewWriteSyncer(b, loki, file)
//	logger := zap.New(zapcore.NewCore(encoder, w, zap.InfoLevel))
//
// Every record ends in exactly one of three places: the primary, the fallback, or lost. Records
// that trip the breaker and records of failed probes go to the fallback, during the same call. A
// record is lost if neither side takes it. It is then counted, and passed to the function of
// WithOnLost or reported on os.Stderr. [breakerio.Stats] counts the records that bypassed the
// primary, by reason.
//
// # WriteSyncer or Core
//
// [NewWriteSyncer] sends the same bytes, encoded once, to primary or fallback. It returns a
// [breakerio.Writer] and takes the options of package breakerio. [NewCore] is for two cores that
// encode differently, and takes the options of this package. A core does not say how much of an
// entry it wrote, so only the Writer detects short writes and repairs torn lines.
//
// For high rates, or callers that must not wait for the sink, put a [breakerio.Batcher] above the
// Writer. For a sink that may hang, put a [breakerio.Lane] below it:
//
//	lane := breakerio.NewLane(loki, 2*time.Second, breakerio.WithKeptBuffer(256<<10))
//	w := breakerzap.NewWriteSyncer(b, lane, file)
//	core := zapcore.NewCore(encoder, breakerio.NewBatcher(w), zap.InfoLevel)
//
// # Position
//
// The breaker belongs below every buffer and queue, and above the last component that reports a
// true result: below a zapcore.BufferedWriteSyncer, because above one it would see only success. A
// BufferedWriteSyncer stops writing for good after an error. Give the Writer below it
// [breakerio.WithLossAsSuccess], or use a Batcher instead.
//
// zap.Open and zap.Config put zapcore.Lock around a sink. A panic of the sink leaves that lock
// locked, and a hang blocks every caller, so put a Lane above the sink that zap.Open returns.
//
// # What must not log
//
// The breaker never logs through the sink it guards. The hooks of [atomicbreaker.WithOnTransition],
// and the functions of options such as WithOnOutage and WithOnLost, run inside the guarded write
// and must not log through the same logger. Set a hook that logs with
// [atomicbreaker.WithAsyncOnTransition].
//
// # Errors and closing
//
// An error names both sides, matches the errors of both, and goes to zap's ErrorOutput:
//
//	breakerzap: "loki": primary: 503 Service Unavailable; fallback: no space left on device
//
// A Writer and a [Core] both have Sync, Shutdown, Close and Stats. Both are safe for concurrent use
// if their two sides are. Stop the logger before you close them.
package breakerzap
