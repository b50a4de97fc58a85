// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// diversion says why a record goes to the fallback, and which outage it belongs to.
type diversion struct {
	reason Reason
	cause  error
	period uint32 // the generation that admitted the record, noGeneration or noOutage
	opened bool   // the breaker opened at this record's failure, or just before it
}

// Reject diverts a record that the breaker rejected. Like Fail, Unwound and Busy, it returns a nil
// error if the fallback took the record. Otherwise it returns how much of the record the fallback
// took, and why neither side took all of it.
func (g *Guard[R]) Reject(r R) (int, error) {
	cause := g.rejected.forState(g.breaker.State())
	return g.divert(r, diversion{reason: Rejected, cause: cause, period: noGeneration})
}

// Busy diverts a record without a permit. Its reason is [Busy].
func (g *Guard[R]) Busy(r R) (int, error) {
	return g.divert(r, diversion{reason: Busy, cause: ErrBusy, period: noOutage})
}

// Fail diverts a record for which the primary returned cause, and reports the failure to the
// breaker.
//
// Fail reports the failure before it calls the fallback, so that other callers stop using the
// primary. The fallback gets the record during the same call, even if a hook or a user's function
// panics or ends the goroutine.
func (g *Guard[R]) Fail(r R, permit atomicbreaker.Permit, cause error) (int, error) {
	return g.fail(r, permit, cause, true)
}

// FailWithoutVote is Fail for a cause that says nothing about the primary's health, such as a
// canceled context. It cancels the permit.
func (g *Guard[R]) FailWithoutVote(r R, permit atomicbreaker.Permit, cause error) (int, error) {
	return g.fail(r, permit, cause, false)
}

func (g *Guard[R]) fail(
	r R, permit atomicbreaker.Permit, cause error, votes bool,
) (n int, err error) {
	d := diversion{reason: Failed, cause: cause, period: permit.Generation()}
	defer func() { n, err = g.divert(r, d) }() // a user's function may panic, and a hook may end the goroutine
	g.judge(&d, &permit, votes)
	return n, err
}

// Settle reports the outcome of an asynchronous probe, whose record is already in the fallback.
func (g *Guard[R]) Settle(permit atomicbreaker.Permit, start time.Time, err error) {
	if err == nil {
		g.Finish(&permit, start)
		return
	}
	g.judge(&diversion{cause: err, period: permit.Generation()}, &permit, true)
}

// judge reports an error to the breaker, or cancels the permit if the error says nothing about the
// primary. If a user's function does not return, the error counts as a failure.
func (g *Guard[R]) judge(d *diversion, permit *atomicbreaker.Permit, votes bool) {
	judged := false
	defer func() {
		switch {
		case judged:
		case votes:
			g.vote(d, permit)
		default:
			abstain(d, permit)
		}
	}()
	g.call("the classification of an error", func() {
		g.classify(d, permit, votes)
		judged = true
	})
}

// classify does the work of judge. It does not return if a user's function does not.
func (g *Guard[R]) classify(d *diversion, permit *atomicbreaker.Permit, votes bool) {
	switch is := g.options.IsRecordError; {
	case errors.Is(d.cause, ErrBusy):
		d.reason = Busy
	case is != nil && is(d.cause):
		d.reason = RecordError
	case votes && !g.Closed():
		defer func() { d.opened = g.outOf(d.period) }()
		permit.Report(d.cause)
		return
	}
	abstain(d, permit)
}

// abstain cancels the permit of an outcome that says nothing about the primary.
func abstain(d *diversion, permit *atomicbreaker.Permit) {
	d.period = noOutage
	permit.Cancel()
}

// outOf reports whether the breaker has left a generation and is not closed.
func (g *Guard[R]) outOf(period uint32) bool {
	s := g.breaker.Snapshot()
	return s.Generation != period && s.State != atomicbreaker.Closed
}

// Unwound diverts a record for which the primary did not return. The primary panicked with v, or v
// is nil and the primary ended the goroutine. With Repanic, v is nil after a panic as well. Unwound
// reports a failure without calling IsRecordError.
//
// If a record makes both sides panic, the record is at fault, and Unwound cancels the permit
// instead. After a panic it therefore calls the fallback before it reports the outcome.
func (g *Guard[R]) Unwound(r R, permit atomicbreaker.Permit, v any) (n int, err error) {
	d := diversion{reason: Panicked, cause: unwoundBy(v), period: permit.Generation()}
	if v != nil && g.options.OnDiverted == nil {
		g.reporter.panicked("the primary", v)
	}
	if v == nil && !g.options.Repanic {
		defer func() { n, err = g.divert(r, d) }()
		g.vote(&d, &permit)
		return n, err
	}
	returned, both := false, false
	defer func() { n, err = g.settle(r, g.tracker.enter(&d), d, n, err) }()
	defer func() {
		if !returned {
			var second any
			if !g.options.Repanic {
				second = recover()
			}
			n, err, both = 0, unwoundBy(second), second != nil || g.options.Repanic
		}
		if both {
			abstain(&d, &permit)
			return
		}
		g.vote(&d, &permit)
	}()
	n, err = g.fallback(r)
	returned = true
	return n, err
}

// vote reports a failure without classifying it, or cancels the permit if the guard is closed.
func (g *Guard[R]) vote(d *diversion, permit *atomicbreaker.Permit) {
	if g.Closed() {
		abstain(d, permit)
		return
	}
	defer func() { d.opened = g.outOf(d.period) }() // a hook may end the goroutine
	permit.Fail(d.cause)
}

// Lose counts and reports a record as lost. It is for adapters that accepted a record from their
// caller and cannot deliver it because the guard is closed. It returns an error that matches cause.
func (g *Guard[R]) Lose(r R, cause error) error {
	_, err := g.settle(r, nil, diversion{reason: Failed, cause: cause}, 0, cause)
	return err
}

// divert sends a record to the fallback.
func (g *Guard[R]) divert(r R, d diversion) (n int, err error) {
	o := g.tracker.enter(&d)
	returned := false
	defer func() {
		if !returned {
			var v any
			if !g.options.Repanic {
				v = recover()
			}
			n, err = 0, unwoundBy(v)
		}
		n, err = g.settle(r, o, d, n, err)
	}()
	n, err = g.fallback(r)
	returned = true
	return n, err
}

// errAsked is the result of a fallback that already has the record.
var errAsked = errors.New("fallback already has the record")

// settle counts and reports the end of a record, where n and err are the fallback's result.
func (g *Guard[R]) settle(r R, o *outage, d diversion, n int, err error) (int, error) {
	if err == errAsked { //nolint:errorlint // compares identity
		g.tracker.leave(o, false)
		return n, nil
	}
	defer g.tracker.leave(o, err != nil) // a user's function may not return
	g.counts.reasons[d.reason].Add(1)
	if err == nil {
		g.counts.diverted.Add(1)
		if f := g.options.OnDiverted; f != nil {
			g.call("OnDiverted", func() { f(Diversion{g.breaker.Name(), d.reason, d.cause}) })
		}
		return n, nil
	}
	g.counts.lost.Add(1)
	err = g.lost(d.cause, err)
	if f := g.onLost; f != nil {
		g.call("OnLost", func() { f(r, n, err) })
	} else {
		g.reporter.lost(err)
	}
	if g.options.LossAsSuccess {
		return n, nil
	}
	return n, err
}
