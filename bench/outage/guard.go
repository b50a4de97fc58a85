// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// guard is an io.Writer for a logger: one call is one record. It sends the record to primary while the breaker
// lets it, and to fallback, in the same call, when the breaker turns it away or primary fails. It is written with
// TryAcquire alone, the way one would write it into an application.
//
// It adds no lock: it is as safe for concurrent use as its two writers are.
type guard struct {
	breaker  *atomicbreaker.Breaker
	primary  io.Writer
	fallback io.Writer

	// What became of the records. Each record that was offered ends in exactly one of accepted, diverted and lost;
	// refused and turnedAway say why it was diverted (or lost). The demo shows them while it runs; its verdict
	// comes from the files.
	accepted   atomic.Uint64 // primary acknowledged it
	diverted   atomic.Uint64 // fallback took it
	lost       atomic.Uint64 // neither took it
	refused    atomic.Uint64 // primary was tried and failed
	turnedAway atomic.Uint64 // the breaker did not let it try
}

// Write takes one permit and settles it on every path. It reports success when either side took the record, because
// then the logger has nothing left to do about it.
func (g *guard) Write(p []byte) (int, error) {
	permit, ok := g.breaker.TryAcquire()
	if !ok {
		g.turnedAway.Add(1)
		return g.divert(p, atomicbreaker.ErrRejected)
	}
	// Inert once the permit has reported below. It counts a panic in primary, which would otherwise take the
	// permit with it and leave a half-open breaker waiting for a probe that never answers.
	defer permit.Failure()

	n, err := g.primary.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	permit.Report(err)
	if err != nil {
		g.refused.Add(1)
		return g.divert(p, err)
	}
	g.accepted.Add(1)
	return len(p), nil
}

// divert hands the record to fallback because of cause. Only when that fails too is the record lost, and the caller told.
func (g *guard) divert(p []byte, cause error) (int, error) {
	n, err := g.fallback.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		g.lost.Add(1)
		return 0, errors.Join(cause, err)
	}
	g.diverted.Add(1)
	return len(p), nil
}
