// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// ErrBusy matches the error of a sink that had no capacity for a record. It says nothing about the
// sink's health, so it does not vote.
var ErrBusy = errors.New("sink busy")

// ErrNoFallback is the error of a record that the primary did not take if there is no fallback.
var ErrNoFallback = errors.New("no fallback")

// Options are the options that all adapters have.
type Options struct {
	Adapter       string           // prefix of errors and reports, such as "breakerio"
	IsRecordError func(error) bool // nil: no error is one
	OnDiverted    func(Diversion)
	OnOutage      func(Outage)
	Repanic       bool
	LossAsSuccess bool

	// StderrIsSink says that os.Stderr is the primary or the fallback. Nothing is reported there
	// then.
	StderrIsSink bool
}

// Guard diverts records of type R. It is written to only when something fails. Its methods are safe
// for concurrent use.
type Guard[R any] struct {
	breaker  *atomicbreaker.Breaker
	slow     time.Duration // the breaker's slow threshold; 0: none
	flags    atomic.Uint32 // 0 on the healthy path
	options  Options
	fallback func(R) (int, error)
	onLost   func(r R, n int, err error)

	refusal  error
	rejected rejections
	tracker  tracker
	counts   counts
	reporter reporter
	closing  closing
}

// The flags of a guard.
const (
	flagClosed       uint32 = 1 << iota
	flagPrimaryTorn         // the primary ends in the middle of a line
	flagFallbackTorn        // the fallback ends in the middle of a line
	flagOutage              // an outage is in progress
	flagAlways              // the breaker has a slow threshold, or the adapter called Disquiet
)

// New returns a Guard for b.
//
// The fallback function writes a record to the fallback. If the fallback does not take the whole
// record, the function returns an error and how much of the record the fallback took, or 0 if
// records are taken whole or not at all.
//
// onLost is called with each lost record, that number, and the error. If onLost is nil, losses are
// reported on os.Stderr.
func New[R any](
	b *atomicbreaker.Breaker, o Options,
	fallback func(R) (int, error), onLost func(r R, n int, err error),
) *Guard[R] {
	g := &Guard[R]{
		breaker: b, slow: b.SlowThreshold(), options: o, fallback: fallback, onLost: onLost,
		refusal:  fmt.Errorf("%s: %q: %w", o.Adapter, b.Name(), fs.ErrClosed),
		rejected: newRejections(o.Adapter, b.Name()),
		reporter: reporter{adapter: o.Adapter, name: b.Name(), mute: o.StderrIsSink},
	}
	if g.slow > 0 {
		g.Disquiet()
	}
	g.tracker.init(b, &g.flags, func(over Outage) {
		if f := o.OnOutage; f != nil {
			g.call("OnOutage", func() { f(over) })
		}
	})
	return g
}

// Start returns the current time, or the zero time if the breaker has no slow threshold. Call it
// before the primary and pass the result to Succeed or Finish.
func (g *Guard[R]) Start() (start time.Time) {
	if g.slow > 0 {
		start = time.Now()
	}
	return start
}

// Succeed reports that the primary took a record, and ends the current outage if the breaker is
// closed afterwards. A success that exceeds the slow threshold counts as a failure; its record is
// not diverted.
func (g *Guard[R]) Succeed(permit *atomicbreaker.Permit, start time.Time) {
	if g.Quiet() {
		permit.Success()
		return
	}
	g.Finish(permit, start)
}

// Finish is Succeed for adapters that found the guard not quiet.
//
//go:noinline
func (g *Guard[R]) Finish(permit *atomicbreaker.Permit, start time.Time) {
	if g.Closed() {
		permit.Cancel()
		return
	}
	if took := g.took(start); took > g.slow {
		g.counts.slow.Add(1)
		permit.Fail(fmt.Errorf("%w: took %v, over %v", atomicbreaker.ErrSlow, took, g.slow))
	} else {
		permit.Success()
	}
	g.tracker.recovered()
}

func (g *Guard[R]) took(start time.Time) time.Duration {
	if g.slow == 0 || start.IsZero() {
		return 0
	}
	return time.Since(start)
}

// Quiet reports whether the healthy path needs no extra work: the guard is not closed, no outage is
// in progress, no sink is torn, and the breaker has no slow threshold. It costs one atomic load.
func (g *Guard[R]) Quiet() bool { return g.flags.Load() == 0 }

// Disquiet makes Quiet return false from now on. It is for adapters that need the slow path for
// every record.
func (g *Guard[R]) Disquiet() { g.flags.Or(flagAlways) }

// Repanic reports whether panics continue once the record is in the fallback or lost.
func (g *Guard[R]) Repanic() bool { return g.options.Repanic }

// call runs a function that the user supplied. Unless panics are to continue, it recovers and
// reports a panic.
func (g *Guard[R]) call(what string, f func()) {
	if !g.options.Repanic {
		defer func() {
			if v := recover(); v != nil {
				g.reporter.panicked(what, v)
			}
		}()
	}
	f()
}
