// SPDX-License-Identifier: Apache-2.0

// Package guard is what the adapters have in common: everything that happens to a record that the primary did not take.
// The healthy path is each adapter's own, so that it costs no call more than it must:
//
//	permit, ok := breaker.TryAcquire()
//	if !ok {
//		return g.Reject(record)
//	}
//	start := g.Start()
//	// primary takes the record
//	g.Succeed(&permit, start)
//	if g.Troubled() {
//		g.Taken()
//	}
//
// The breaker is asked below a deferred call that rejects the record if a hook ends the goroutine there.
//
// The order is what makes a record end in one place: the breaker hears of a failure first, so that other callers stop
// going to the primary, and the fallback gets the record in the same call, whatever a hook or a user's function does.
package guard

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// Options are those that every adapter knows.
type Options struct {
	IsRecordError func(error) bool // nil: none is
	OnOutage      func(Outage)
	Repanic       bool
}

// Stats counts what the primary did not take.
type Stats struct{ Fallback, Lost, Torn, Outages, Late uint64 }

// errUnwound stands for the error of a sink that did not return.
var errUnwound = errors.New("the sink panicked or called runtime.Goexit")

// Guard diverts records of type R. All of it is written only when something goes wrong.
type Guard[R any] struct {
	breaker  *atomicbreaker.Breaker
	slow     time.Duration // the breaker's slow threshold, 0: none
	options  Options
	fallback func(R) error
	onLost   func(R, error)

	rejected error // stands for the primary's error where the primary was not asked
	nowhere  error // both errors, where there is no fallback either

	trouble                    tracker
	diverted, lost, torn, late atomic.Uint64
}

// New returns the guard of a breaker. fallback hands a record to the fallback; onLost may be nil.
func New[R any](b *atomicbreaker.Breaker, o Options, fallback func(R) error, onLost func(R, error)) *Guard[R] {
	g := &Guard[R]{
		breaker: b, slow: b.SlowThreshold(), options: o, fallback: fallback, onLost: onLost,
		rejected: fmt.Errorf("breaker %q: %w", b.Name(), atomicbreaker.ErrRejected),
	}
	g.nowhere = errors.Join(g.rejected, ErrNoFallback)
	g.trouble.init(b, o.OnOutage)
	return g
}

// Stats returns the counts so far.
func (g *Guard[R]) Stats() Stats {
	return Stats{g.diverted.Load(), g.lost.Load(), g.torn.Load(), g.trouble.outages.Load(), g.late.Load()}
}

// Start returns when the primary was called, or the zero time if nobody needs to know.
func (g *Guard[R]) Start() (start time.Time) {
	if g.slow > 0 {
		start = time.Now()
	}
	return start
}

// Succeed reports that the primary took a record. A primary that was slow has failed, and the record
// stays where it is.
func (g *Guard[R]) Succeed(permit *atomicbreaker.Permit, start time.Time) {
	if g.slow > 0 {
		if took := time.Since(start); took > g.slow {
			permit.Fail(fmt.Errorf("%w: took %v, over %v", atomicbreaker.ErrSlow, took, g.slow))
			return
		}
	}
	permit.Success()
}

// Troubled says whether Taken has anything to do. It is one load.
func (g *Guard[R]) Troubled() bool { return g.trouble.current.Load() != nil }

// Taken is called after the primary took a record, with the permit reported.
func (g *Guard[R]) Taken() { g.trouble.taken() }

// Reject diverts a record that the breaker turned away.
func (g *Guard[R]) Reject(r R) error { return g.divert(r, noGeneration, g.rejected) }

// Fail diverts a record that the primary refused with cause, after its permit has been reported. torn says that the
// primary may hold a part of it.
func (g *Guard[R]) Fail(r R, permit atomicbreaker.Permit, torn bool, cause error) (err error) {
	if torn {
		g.torn.Add(1)
	}
	period := g.breaker.Snapshot().Generation // before the report, which may begin another
	defer func() {                            // deferred, because below the user's functions may panic and hooks may end the goroutine
		permit.Cancel()
		err = g.divert(r, period, cause)
	}()
	if is := g.options.IsRecordError; is != nil && is(cause) {
		permit.Cancel()
		period = noOutage
	} else {
		permit.Report(cause)
	}
	return err
}

// Unwound diverts a record whose primary panicked with v or, if v is nil, ended the goroutine (or panicked, if panics are to
// go on). That is a failure whatever the classifier says of errors.
func (g *Guard[R]) Unwound(r R, permit atomicbreaker.Permit, v any) (err error) {
	period := g.breaker.Snapshot().Generation
	defer func() { err = g.divert(r, period, unwoundBy("primary", v)) }()
	permit.Failure()
	return err
}

// Repanic says whether a panic is to go on once the record is in the fallback.
func (g *Guard[R]) Repanic() bool { return g.options.Repanic }

// divert hands the record to the fallback. It returns nil if that took it, else why neither sink did.
func (g *Guard[R]) divert(r R, period uint32, cause error) (err error) {
	o := g.trouble.enter(period)
	returned := false
	defer func() {
		if !returned {
			var v any
			if !g.options.Repanic {
				v = recover()
			}
			err = unwoundBy("fallback", v)
		}
		err = g.settle(r, o, cause, err)
	}()
	err = g.fallback(r)
	returned = true
	return err
}

// settle counts the record where it ended: err is the fallback's.
func (g *Guard[R]) settle(r R, o *outage, cause, err error) error {
	if err == nil {
		g.diverted.Add(1)
		g.trouble.leave(o, false)
		return nil
	}
	g.lost.Add(1)
	defer g.trouble.leave(o, true)                   // deferred, because the user's function may panic
	if cause == g.rejected && err == ErrNoFallback { //nolint:errorlint // these two values themselves
		err = g.nowhere
	} else {
		err = errors.Join(cause, err)
	}
	if g.onLost != nil {
		g.onLost(r, err)
	}
	return err
}

// unwoundBy makes an error of what a sink panicked with.
func unwoundBy(sink string, v any) error {
	switch v := v.(type) {
	case nil:
		return fmt.Errorf("%s: %w", sink, errUnwound)
	case error:
		return fmt.Errorf("%s panicked: %w", sink, v)
	default:
		return fmt.Errorf("%s panicked: %v", sink, v)
	}
}
