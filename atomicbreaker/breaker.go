// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Breaker is a circuit breaker for one sink. [New] makes it; its zero value is not ready for use, and it must not be
// copied.
//
// Properties:
//   - Any goroutine may call any method at any time, a hook included.
//   - Linearizable: every call takes effect at one instant between its start and its return.
//   - Lock-free, without a goroutine of its own. Allow and RecordSuccess on a healthy breaker, and Allow on one that is
//     cooling or forced, are wait-free: a load, no write, no clock, no allocation.
//   - A call that changes the breaker happens before every call that sees the change. A call that changes nothing is a
//     load: nothing is ordered after it.
//   - No call waits for another one. A call that makes a transition may have to deliver it to the
//     hooks of [WithOnTransition], and continues while other calls make more.
//
// A breaker that the program no longer references is collected, even while one of its timers is
// pending; hooks then hear no more of it.
type Breaker struct {
	// The word comes first, in an allocation of its own that New makes: on 32-bit platforms go.uber.org/atomic needs that
	// for its alignment to 8 bytes.
	word   cell
	params word.Params

	// The largest word that may admit a call: word.MaxAdmitting, in a dry run word.MaxWord.
	admitting word.Word

	errOpen, errTooManyProbes error // what Do returns

	// Both take no space. The second makes go vet report copies.
	clock clock
	_     noCopy

	// What follows is read only by a call that found something to change or was turned away.
	self       *Breaker // the address of a breaker that New made, and of no copy
	name       string
	timing     timing
	classify   func(error) Outcome
	retryAfter func(error) (time.Duration, bool) // nil: no error says so

	syncHooks, asyncHooks *hooks // nil where there are none
	subscriptions         pointer[[]*hooks]
	onHookPanic           func(Transition, any)

	timer pointer[periodTimer] // of the newest period that has one, nil before the first
}

type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// New returns a closed breaker called name, which appears in transitions and errors and need not be unique. Without
// options it opens after 5 consecutive failures, admits one probe after 30 s and closes when that succeeds.
//
// The error names every bad option with its value and range, and is [ErrConfig]; the breaker is nil then.
func New(name string, opts ...Option) (*Breaker, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	b := &Breaker{
		params:           c.params,
		admitting:        word.MaxAdmitting,
		name:             name,
		timing:           c.timing,
		classify:         c.classify,
		retryAfter:       c.retryAfter,
		syncHooks:        newHooks(c.hooks, false, c.onHookPanic),
		asyncHooks:       newHooks(c.asyncHooks, true, c.onHookPanic),
		onHookPanic:      c.onHookPanic,
		errOpen:          rejection(name, ErrOpen),
		errTooManyProbes: rejection(name, ErrTooManyProbes),
	}
	b.self = b
	if c.dryRun {
		b.admitting = word.MaxWord
	}
	return b, nil
}

// MustNew is [New] for options that are known to be good: it panics with New's error.
func MustNew(name string, opts ...Option) *Breaker {
	b, err := New(name, opts...)
	if err != nil {
		panic(err)
	}
	return b
}

// Name returns the name given to [New].
func (b *Breaker) Name() string { return b.name }

// SlowThreshold returns the duration of [WithSlowThreshold], or 0 if there is none. It is for adapters:
// [Breaker.Do] and [Call] apply it by themselves.
func (b *Breaker) SlowThreshold() time.Duration { return b.timing.slow }

// allowSlow is Allow where the breaker is not closed.
//
//go:noinline
func (b *Breaker) allowSlow(w word.Word) bool {
	b.mustBeMade()
	if w > b.admitting {
		return false
	}
	_, ok := b.admit(w)
	return ok || b.dryRun()
}

// admit asks for admission where the breaker is not closed. It returns the word that admitted the caller, or the one that
// turned it away.
func (b *Breaker) admit(w word.Word) (word.Word, bool) {
	old, next := b.post(w, word.Event{Kind: word.Allow}, detail{})
	return next, next != old || old.Admits()
}

// recordSuccessSlow is RecordSuccess where the breaker is not closed or has counted failures.
//
//go:noinline
func (b *Breaker) recordSuccessSlow(w word.Word) {
	b.post(w, word.Event{Kind: word.Success}, detail{})
}

// RecordFailure reports a call that failed: while closed it adds to the failure count and opens the breaker at the
// threshold, while half-open it counts as a probe's if one is in flight, else it changes nothing.
func (b *Breaker) RecordFailure() {
	b.post(b.load(), word.Event{Kind: word.Failure}, detail{})
}

// State returns the state at one instant of the call. An open breaker stays open until a caller asks for admission, also
// when its recovery timeout is over; [Snapshot] has ProbeDue for that.
func (b *Breaker) State() State { return states[b.load().Phase()] }

// Snapshot returns everything the breaker has counted, at one instant of the call.
func (b *Breaker) Snapshot() Snapshot {
	b.mustBeMade()
	return b.snapshot(b.load())
}

// Trip opens a closed or half-open breaker for the recovery timeout. In any other state it changes nothing.
func (b *Breaker) Trip() { b.post(b.load(), word.Event{Kind: word.Trip}, detail{}) }

// TripFor opens the breaker for d plus a slack of d/10, at most 1 s; neither back-off nor jitter
// applies. It is for a sink that says how long to leave it alone, as HTTP's Retry-After does;
// [WithRetryAfter] reads that from the errors of the calls. TripFor(d) with d <= 0 is
// [Breaker.Trip].
//
// TripFor never shortens an open period. On an open breaker it starts a new one, published as a
// transition from Open to Open, unless the running one ends no earlier than d from now; then it
// changes nothing. The slack lets many calls that are given the same answer cause one transition.
// If the call that opened the breaker has not returned yet, the new deadline takes effect when it
// does. On a forced breaker TripFor changes nothing.
func (b *Breaker) TripFor(d time.Duration) {
	if d <= 0 {
		b.Trip()
		return
	}
	b.openFor(d, word.Event{Kind: word.TripFor}, nil)
}

// Reset closes the breaker from any other state and clears what it counted. On a closed breaker it
// clears the failures and the attempts, and publishes nothing.
func (b *Breaker) Reset() { b.post(b.load(), word.Event{Kind: word.Reset}, detail{}) }

// ForceOpen turns every call away until [Breaker.Reset] or [Breaker.ForceClosed].
func (b *Breaker) ForceOpen() { b.post(b.load(), word.Event{Kind: word.ForceOpen}, detail{}) }

// ForceClosed admits every call, and ignores what comes of it, until [Breaker.Reset] or [Breaker.ForceOpen].
func (b *Breaker) ForceClosed() { b.post(b.load(), word.Event{Kind: word.ForceClosed}, detail{}) }

// detail is what an event carries beside its effect on the word.
type detail struct {
	hold time.Duration // how long TripFor keeps the breaker open, 0: the recovery timeout
	err  error         // the error whose report the event is
}

// post applies e to the word and does what that causes. The goroutine whose swap succeeds arms the
// timer and then publishes the transition (I6), both read off the two words. w is a word loaded
// during the same operation.
func (b *Breaker) post(w word.Word, e word.Event, d detail) (old, next word.Word) {
	b.mustBeMade()
	old, next = b.apply(w, e)
	if next != old && old|next > word.MaxClosed { // what changes a closed breaker and leaves it closed causes nothing
		b.arm(old, next, e.Kind, d.hold)
		if next.Generation() != old.Generation() {
			b.publish(old, next, e.Kind, d.err)
		}
	}
	return old, next
}

// dryRun reports whether the breaker turns nobody away.
func (b *Breaker) dryRun() bool { return b.admitting == word.MaxWord }

// mustBeMade panics for a zero Breaker and for a copy, whose words decide nothing.
func (b *Breaker) mustBeMade() {
	if b.self != b {
		panic("atomicbreaker: a Breaker that New did not make, or a copy of one")
	}
}

// publish delivers to the synchronous hooks last, because one of them may block or end the goroutine.
func (b *Breaker) publish(old, next word.Word, e word.Kind, err error) {
	subscriptions := b.subscriptions.Load()
	if b.syncHooks == nil && b.asyncHooks == nil && subscriptions == nil {
		return
	}
	t := b.transition(old, next, e, err)
	if b.asyncHooks != nil {
		b.asyncHooks.publish(t)
	}
	if subscriptions != nil {
		for _, h := range *subscriptions {
			h.publish(t)
		}
	}
	switch {
	case b.syncHooks == nil:
	case e == word.Allow:
		b.publishAdmission(t)
	default:
		b.syncHooks.publish(t)
	}
}

// publishAdmission publishes the transition that an admission made. If a hook ends the goroutine,
// the caller never learns that it was admitted, so its place goes back.
func (b *Breaker) publishAdmission(t Transition) {
	returned := false
	defer func() {
		if !returned {
			b.post(b.load(), word.Event{Kind: word.Cancel, Bound: true, Generation: t.Generation}, detail{})
		}
	}()
	b.syncHooks.publish(t)
	returned = true
}
