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
// sink's health, so it counts as neither success nor failure.
var ErrBusy = errors.New("sink busy")

// ErrNoFallback matches the error of a record that the primary did not take if there is no
// fallback.
var ErrNoFallback = errors.New("no fallback")

// Options are the options that all adapters have. The functions may be nil. They run during the
// guarded call and must be safe for concurrent use.
type Options struct {
	Adapter string // prefix of errors and reports, such as "breakerio"

	// IsRecordError reports whether an error of the primary is the fault of the record. Such an
	// error counts as neither success nor failure.
	IsRecordError func(error) bool

	OnDiverted func(Diversion) // called for each record that the fallback took
	OnOutage   func(Outage)    // called once for each outage, when it has ended

	Repanic       bool // panics continue after the record is in the fallback or lost
	LossAsSuccess bool // no method returns an error for a lost record
	StderrIsSink  bool // os.Stderr is the primary or the fallback, so nothing is reported there
}

// Guard diverts records of type R. Create it with [New]. Its methods are safe for concurrent use.
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
// record, the function returns an error and the amount that the fallback took. That amount is 0 if
// records are not divisible.
//
// onLost is called with each lost record, the amount that the fallback took, and the error. It must
// be safe for concurrent use. If onLost is nil, losses are reported on os.Stderr.
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
// then closed. A success that exceeds the slow threshold counts as a failure, but its record is not
// diverted.
func (g *Guard[R]) Succeed(permit *atomicbreaker.Permit, start time.Time) {
	if g.Quiet() {
		permit.Success()
		return
	}
	g.Finish(permit, start)
}

// Finish is like Succeed, for adapters that found the guard not quiet.
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

// call runs a function that the user supplied. Without Repanic, it recovers and reports a panic.
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
