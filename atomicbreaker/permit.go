// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"fmt"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Outcome is what a call's error says about the sink. A value other than the three constants counts
// as Failure.
type Outcome uint8

// The three outcomes.
const (
	Success Outcome = iota // the sink works
	Failure                // the sink does not work
	Ignore                 // the error says nothing about the sink: the permit is given back
)

var outcomeNames = [...]string{"success", "failure", "ignore"}

// String returns "success", "failure" or "ignore".
func (o Outcome) String() string { return nameOf("Outcome", outcomeNames[:], o) }

// Permit is one admission of a call. Its first report counts and spends it; further reports do
// nothing, and neither do those of the zero Permit. Therefore
//
//	defer p.Failure()
//
// right after a successful TryAcquire settles the permit on every path, including a panic.
//
// A permit belongs to the period in which it was given. If that period has ended by the time of the
// report, for example because the breaker has opened or closed, the report changes nothing, except
// that an error with a retry time (see [WithRetryAfter]) may extend an open period.
//
// A Permit is a value of 16 bytes and is not allocated. It may be passed to another goroutine, but
// two goroutines must not use it at once. A copy can report a second time, which makes the counts
// wrong but does no other harm. A permit that is never reported has no effect if the breaker was
// closed. If it was half-open, the permit holds a probe's place until the probe timeout.
type Permit struct {
	breaker *Breaker

	// from is the word that admitted the call, or spent. Spending a permit changes this field and
	// not the pointer, because a pointer write needs a write barrier on the hot path.
	from word.Word
}

// spent is a word that no breaker has (I5).
const spent = ^word.Word(0)

func (p *Permit) isSpent() bool { return p.breaker == nil || p.from == spent }

// Generation returns the generation of the period in which the permit was given, modulo 2^24, as in
// [Transition] and [Snapshot]. It returns 0 for a spent permit.
func (p *Permit) Generation() uint32 {
	if p.isSpent() {
		return 0
	}
	return p.from.Generation()
}

// Failure reports that the call failed.
func (p *Permit) Failure() {
	if !p.isSpent() { // report tests this too, but a deferred Failure should not cost a call
		p.report(word.Failure, nil)
	}
}

// Fail is [Permit.Failure] with a reason, which becomes [Transition.Err] if the report makes a
// transition. It is for callers that classify errors themselves: Fail calls neither the classifier
// nor the function of [WithRetryAfter].
func (p *Permit) Fail(err error) { p.report(word.Failure, err) }

// FailFor is [Permit.Fail] for a failure that says how long to wait, such as a 429 with Retry-After.
// It opens the breaker for d as an error with a retry time does: see [WithRetryAfter]. If d <= 0,
// FailFor is Fail.
func (p *Permit) FailFor(d time.Duration, err error) {
	switch {
	case d <= 0:
		p.Fail(err)
	case !p.isSpent():
		p.reportRetryAfter(d, err)
	}
}

// Cancel gives the permit back without an outcome. Use it if the call was not made, or if its
// result says nothing about the sink.
func (p *Permit) Cancel() { p.report(word.Cancel, nil) }

// Report reports the outcome of a call that returned err. A nil err is a success. Otherwise, if the
// function of [WithRetryAfter] finds a retry time in err, the breaker opens for that time. If not,
// the classifier decides.
func (p *Permit) Report(err error) {
	if err == nil {
		p.Success()
		return
	}
	p.reportError(err, 0)
}

// timed calls fn and reports its error and its duration.
func (p *Permit) timed(fn func() error) error {
	if p.isSpent() { // a dry run admitted the call
		return fn()
	}
	clock := p.breaker.clock
	start := clock.now()
	err := fn()
	took := clock.now().Sub(start)
	if err != nil {
		p.reportError(err, took)
	} else {
		p.succeed(nil, took)
	}
	return err
}

// reportError reports a call that failed with err. It calls the user's functions before it spends
// the permit, so that the caller's deferred report counts if one of them panics. took is the
// duration of the call, or 0 if it is not known.
func (p *Permit) reportError(err error, took time.Duration) {
	if p.isSpent() {
		return
	}
	b := p.breaker
	b.mustBeMade()
	if b.retryAfter != nil {
		if d, ok := b.retryAfter(err); ok && d > 0 {
			p.reportRetryAfter(d, err)
			return
		}
	}
	switch b.classify(err) {
	case Success:
		p.succeed(err, took)
	case Ignore:
		p.report(word.Cancel, err)
	default:
		p.report(word.Failure, err)
	}
}

// succeed reports a call that succeeded, or that counts as a failure because it took longer than
// the slow threshold. err is nil, or an error that the classifier considers a success.
func (p *Permit) succeed(err error, took time.Duration) {
	if p.isSpent() {
		return
	}
	if slow := p.breaker.timing.slow; slow > 0 && took > slow {
		p.Fail(fmt.Errorf("%w: took %v, over %v", ErrSlow, took, slow))
		return
	}
	if err == nil {
		p.Success()
		return
	}
	p.report(word.Success, err)
}

// report spends the permit before it posts, because a hook may end the goroutine during the post.
//
//go:noinline
func (p *Permit) report(k word.Kind, err error) {
	if p.isSpent() {
		return
	}
	e := word.Event{Kind: k, Bound: true, Generation: p.Generation()}
	p.from = spent
	p.breaker.post(p.breaker.load(), e, detail{err: err})
}

// reportRetryAfter reports an err with the retry time d.
func (p *Permit) reportRetryAfter(d time.Duration, err error) {
	e := word.Event{Kind: word.RetryAfter, Bound: true, Generation: p.Generation()}
	p.from = spent
	p.breaker.openFor(d, e, err)
}
