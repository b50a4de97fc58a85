// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import "github.com/sinkguard/go-atomicbreaker/internal/word"

// Outcome is what a call's error says about the sink.
type Outcome uint8

// The three outcomes. Any other value counts as Failure.
const (
	Success Outcome = iota // the sink works
	Failure                // the sink does not work
	Ignore                 // says nothing about the sink: the permit is given back and nothing is decided
)

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
	w, ok := p.breaker.admit(^p.pass)
	if ok {
		p.pass = ^w
	} else {
		*p = Permit{}
	}
	return ok
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
func (p *Permit) Failure() { p.report(word.Failure) }

// Cancel gives the permit back: the call was not made, or says nothing about the sink.
func (p *Permit) Cancel() { p.report(word.Cancel) }

// Report reports what the classifier makes of err; a nil err is a success, and the classifier is not asked.
func (p *Permit) Report(err error) {
	if err == nil {
		p.Success()
		return
	}
	p.reportError(err)
}

// reportError asks before it spends the permit: if the classifier panics, the caller's deferred report settles it.
func (p *Permit) reportError(err error) {
	if p.pass == 0 {
		return
	}
	switch p.breaker.classify(err) {
	case Success:
		p.report(word.Success)
	case Ignore:
		p.report(word.Cancel)
	default:
		p.report(word.Failure)
	}
}

// report spends the permit before it posts, because a hook may panic out of the post.
//
//go:noinline
func (p *Permit) report(kind word.Kind) {
	if p.pass == 0 {
		return
	}
	e := word.Event{Kind: kind, Bound: true, Generation: p.Generation()}
	p.pass = 0
	p.breaker.post(p.breaker.load(), e, 0)
}
