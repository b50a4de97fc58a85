// SPDX-License-Identifier: Apache-2.0

// Package breakerzap puts a circuit breaker between zap and a sink, and loses no record.
//
// # Position
//
// The breaker belongs below every buffer and queue, and above the last thing that reports a true result: below a
// zapcore.BufferedWriteSyncer, not above it, where it would see nothing but success.
//
// # What must not log
//
// The breaker never talks through the sink it guards. The hooks of [atomicbreaker.WithOnTransition], and the functions
// of breakerio.WithOnOutage and breakerio.WithOnLost, run inside the guarded write: they must not log through the same
// logger. The hook that may is [atomicbreaker.WithAsyncOnTransition].
//
// # Which of the two to use
//
// [NewWriteSyncer]: primary and fallback get the same bytes, encoded once. [NewCore] is for two that encode differently.
package breakerzap
