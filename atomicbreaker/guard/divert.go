// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// diversion is why a record goes to the fallback, and which outage it belongs to.
type diversion struct {
	reason Reason
	cause  error
	period uint32 // the generation in which the record was admitted, or one of the constants of outage.go
	opened bool   // the record's vote opened the breaker, or came when another's just had
}

// Reject diverts a record that the breaker turned away. Like Fail, Unwound and Busy it returns nil if
// the fallback took the record; otherwise how much of it the fallback took, and why neither took it.
func (g *Guard[R]) Reject(r R) (int, error) {
	return g.divert(r, diversion{reason: Rejected, cause: g.rejected.in(g.breaker.State()), period: noGeneration})
}

// Busy diverts a record without asking the breaker.
func (g *Guard[R]) Busy(r R) (int, error) {
	return g.divert(r, diversion{reason: Busy, cause: ErrBusy, period: noOutage})
}

// Fail diverts a record that the primary refused with cause, and reports that to the breaker.
//
// The breaker hears of the failure first, so that other callers stop going to the primary. The fallback
// gets the record in the same call, whatever a hook or a user's function does.
func (g *Guard[R]) Fail(r R, permit atomicbreaker.Permit, cause error) (int, error) {
	return g.fail(r, permit, cause, true)
}

// FailWithoutVote is Fail where cause says nothing about the primary: the caller gave up, say.
func (g *Guard[R]) FailWithoutVote(r R, permit atomicbreaker.Permit, cause error) (int, error) {
	return g.fail(r, permit, cause, false)
}

func (g *Guard[R]) fail(r R, permit atomicbreaker.Permit, cause error, votes bool) (n int, err error) {
	d := diversion{reason: Failed, cause: cause, period: permit.Generation()}
	defer func() { // deferred, because a user's function may panic, and a hook may end the goroutine
		permit.Fail(cause) // finds a spent permit, unless a user's function did not return
		n, err = g.divert(r, d)
	}()
	g.call("the judgement of an error", func() { g.judge(&d, &permit, votes) })
	return n, err
}

// Settle reports the outcome of a record that is in the fallback already: an asynchronous probe's.
func (g *Guard[R]) Settle(permit atomicbreaker.Permit, start time.Time, err error) {
	if err == nil {
		g.Finish(&permit, start)
		return
	}
	d := diversion{cause: err, period: permit.Generation()}
	defer func() { permit.Fail(err) }()
	g.call("the judgement of an error", func() { g.judge(&d, &permit, true) })
}

// judge decides whether an error votes.
func (g *Guard[R]) judge(d *diversion, permit *atomicbreaker.Permit, votes bool) {
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
	d.period = noOutage
	permit.Cancel()
}

// outOf says whether the breaker has left a period and is not closed.
func (g *Guard[R]) outOf(period uint32) bool {
	s := g.breaker.Snapshot()
	return s.Generation != period && s.State != atomicbreaker.Closed
}

// Unwound diverts a record whose primary panicked with v or, if v is nil, ended the goroutine (or
// panicked, if panics go on). That is a failure whatever the classifier says of errors.
//
// A record that makes both sides panic is itself at fault, and does not vote. So after a panic, and only
// then, the fallback is tried before the vote.
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
	defer func() { n, err = g.settle(r, g.trouble.enter(&d), d, n, err) }()
	defer func() {
		if !returned {
			var second any
			if !g.options.Repanic {
				second = recover()
			}
			n, err, both = 0, unwoundBy(second), second != nil || g.options.Repanic
		}
		if both {
			d.period = noOutage
			permit.Cancel()
			return
		}
		g.vote(&d, &permit)
	}()
	n, err = g.fallback(r)
	returned = true
	return n, err
}

// vote reports a failure without asking the classifier, unless the guard is closed.
func (g *Guard[R]) vote(d *diversion, permit *atomicbreaker.Permit) {
	if g.Closed() {
		d.period = noOutage
		permit.Cancel()
		return
	}
	defer func() { d.opened = g.outOf(d.period) }() // deferred: a hook may end the goroutine
	permit.Fail(d.cause)
}

// Lose reports a record as lost that an adapter has accepted from its caller, and that neither side can
// take any more: the guard has been closed. It returns the error that names cause.
func (g *Guard[R]) Lose(r R, cause error) error {
	_, err := g.settle(r, nil, diversion{reason: Failed, cause: cause}, 0, cause)
	return err
}

// divert hands the record to the fallback.
func (g *Guard[R]) divert(r R, d diversion) (n int, err error) {
	o := g.trouble.enter(&d)
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

// errAsked is the error of a fallback that was asked to take the record before.
var errAsked = errors.New("asked before")

// settle counts and reports a record where it ended: n and err are the fallback's.
func (g *Guard[R]) settle(r R, o *outage, d diversion, n int, err error) (int, error) {
	if err == errAsked { //nolint:errorlint // this value itself
		g.trouble.leave(o, false)
		return n, nil
	}
	defer g.trouble.leave(o, err != nil) // deferred, because a user's function may not return
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
