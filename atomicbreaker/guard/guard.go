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

// ErrBusy matches the error of a sink that had no time for the record and says nothing about its
// health. It does not vote.
var ErrBusy = errors.New("sink busy")

// ErrNoFallback is what the function that hands records to the fallback returns if there is none.
var ErrNoFallback = errors.New("no fallback")

// Options are those that every adapter has.
type Options struct {
	Adapter       string           // begins errors and reports, like "breakerio"
	IsRecordError func(error) bool // nil: none is
	OnDiverted    func(Diversion)
	OnOutage      func(Outage)
	Repanic       bool
	LossAsSuccess bool

	// StderrIsSink says that os.Stderr is the primary or the fallback, and so cannot carry reports.
	StderrIsSink bool
}

// Guard diverts records of type R. It is written only when something goes wrong. Its methods are safe
// for concurrent use.
type Guard[R any] struct {
	breaker  *atomicbreaker.Breaker
	slow     time.Duration // the breaker's slow threshold, 0: none
	flags    atomic.Uint32 // 0 on the healthy path
	options  Options
	fallback func(R) (int, error)
	onLost   func(r R, n int, err error)

	refusal  error
	rejected rejections
	trouble  tracker
	counts   counts
	reporter reporter
	ending   ending
}

// The flags of a guard.
const (
	flagClosed       uint32 = 1 << iota
	flagPrimaryTorn         // the primary ends in the middle of a line
	flagFallbackTorn        // the fallback does
	flagOutage              // an outage is under way
	flagAlways              // there is a slow threshold, or the adapter wants it so
)

// New returns the guard of a breaker. fallback hands a record to the fallback and returns, besides the
// error, how much of a record that it refused it took all the same; an adapter whose records are
// taken whole or not at all returns 0. onLost gets that number too; it may be nil, and losses are then
// reported on os.Stderr.
func New[R any](
	b *atomicbreaker.Breaker, o Options, fallback func(R) (int, error), onLost func(r R, n int, err error),
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
	g.trouble.init(b, &g.flags, func(over Outage) {
		if f := o.OnOutage; f != nil {
			g.call("OnOutage", func() { f(over) })
		}
	})
	return g
}

// Start returns when the primary was called, or the zero time if the breaker has no slow threshold.
func (g *Guard[R]) Start() (start time.Time) {
	if g.slow > 0 {
		start = time.Now()
	}
	return start
}

// Succeed reports that the primary took a record, and ends the outage under way if the breaker is closed
// then. A primary that was slow has failed, and the record stays where it is.
func (g *Guard[R]) Succeed(permit *atomicbreaker.Permit, start time.Time) {
	if g.Quiet() {
		permit.Success()
		return
	}
	g.Finish(permit, start)
}

// Finish is Succeed for an adapter that has found the guard not quiet.
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
	g.trouble.taken()
}

func (g *Guard[R]) took(start time.Time) time.Duration {
	if g.slow == 0 || start.IsZero() {
		return 0
	}
	return time.Since(start)
}

// Quiet says that nothing is out of the ordinary: the guard is not closed, no outage is under way, no
// sink ends in the middle of a line, and the breaker has no slow threshold. It is one load.
func (g *Guard[R]) Quiet() bool { return g.flags.Load() == 0 }

// Disquiet makes Quiet false for good, for an adapter that always has something to look for.
func (g *Guard[R]) Disquiet() { g.flags.Or(flagAlways) }

// Repanic says whether a panic goes on once the record is in the fallback.
func (g *Guard[R]) Repanic() bool { return g.options.Repanic }

// call runs a function of the user's. A panic in it is reported and goes no further, unless the user
// wants panics to go on.
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
