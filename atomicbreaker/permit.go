// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"fmt"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Outcome is what a call's error says about the sink.
type Outcome uint8

// The three outcomes. Any other value counts as Failure.
const (
	Success Outcome = iota // the sink works
	Failure                // the sink does not work
	Ignore                 // says nothing about the sink: the permit is given back and nothing is decided
)

var outcomeNames = [...]string{"success", "failure", "ignore"}

// String returns "success", "failure" or "ignore".
func (o Outcome) String() string { return nameOf("Outcome", outcomeNames[:], o) }

// Permit is one admission, of the period in which it was given. Its first report counts and spends it, so that
//
//	defer p.Failure()
//
// right after a successful TryAcquire settles it on every path, a panic included; further reports, and those of the zero Permit, do
// nothing. A report that comes after the period has ended (the breaker opened, say, or closed) changes nothing either:
// it tells of an outage that is over.
//
// A Permit is a value of 16 bytes and is not allocated. It may be handed to another goroutine, but is not to be used by
// two at once. A copy reports separately: that is misuse, which can miscount and cannot corrupt. A permit that is
// never reported holds a probe's place until the probe timeout if it was given half-open, and costs nothing otherwise.
type Permit struct {
	breaker *Breaker

	// pass is the complement of the word that admitted the call, and 0 once there is nothing to report: the zero Permit
	// is spent, and no complement is 0 because no breaker has the word of all ones (I5). To spend a permit by its pointer
	// instead would take the garbage collector's write barrier into the hot path.
	pass word.Word
}

// acquireSlow is TryAcquire where the breaker is not closed; p holds the breaker, and the word that says so.
//
//go:noinline
func (p *Permit) acquireSlow() bool {
	b := p.breaker
	b.mustBeMade()
	if w := ^p.pass; w <= b.admitting {
		if admitted, ok := b.admit(w); ok {
			p.pass = ^admitted
			return true
		}
	}
	*p = Permit{}
	return b.dryRun()
}

// Generation returns that of the period the permit was given in, modulo 2^24, as in [Transition] and [Snapshot]; 0 for a
// permit that is spent.
func (p *Permit) Generation() uint32 {
	if p.pass == 0 {
		return 0
	}
	return (^p.pass).Generation()
}

// Failure reports that the call failed.
func (p *Permit) Failure() {
	if p.pass != 0 { // report looks, too, but here a deferred Failure after a report costs no call
		p.report(word.Failure, nil)
	}
}

// Fail is [Permit.Failure] with the reason, which [Transition] carries if the report makes one. It
// is for a caller that has judged err itself: neither the classifier nor the function of
// [WithRetryAfter] is asked.
func (p *Permit) Fail(err error) { p.report(word.Failure, err) }

// Cancel gives the permit back: the call was not made, or says nothing about the sink.
func (p *Permit) Cancel() { p.report(word.Cancel, nil) }

// Report reports what err says about the sink. A nil err is a success. Any other first goes to the
// function of [WithRetryAfter], which may open the breaker for the time that err names, and then to
// the classifier.
func (p *Permit) Report(err error) {
	if err == nil {
		p.Success()
		return
	}
	p.reportError(err, 0)
}

// reportError asks the user's functions before it spends the permit: if one panics, the caller's
// deferred report settles it. took is the duration of the call where it is known.
func (p *Permit) reportError(err error, took time.Duration) {
	if p.pass == 0 {
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

// succeed reports a success that took so long: a failure, if that is over the slow threshold. err is
// nil or one that the classifier takes for a success.
func (p *Permit) succeed(err error, took time.Duration) {
	if p.pass == 0 {
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

// report spends the permit before it posts, because a hook may end the goroutine in the post.
//
//go:noinline
func (p *Permit) report(kind word.Kind, err error) {
	if p.pass == 0 {
		return
	}
	e := word.Event{Kind: kind, Bound: true, Generation: p.Generation()}
	p.pass = 0
	p.breaker.post(p.breaker.load(), e, detail{err: err})
}

// reportRetryAfter reports an err that says to leave the sink alone for d.
func (p *Permit) reportRetryAfter(d time.Duration, err error) {
	e := word.Event{Kind: word.RetryAfter, Bound: true, Generation: p.Generation()}
	p.pass = 0
	p.breaker.openFor(d, e, err)
}
