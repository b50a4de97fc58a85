// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"fmt"
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

// Breaker.word is the one place in memory that decides. This file holds every access to it: the loads of the five calls
// that stand in a logger's hot path, the load of all others, and the one swap. Each operation of the package takes effect
// at exactly one of them (I1), named LP (linearization point) below; HB names the order that a reader may rely on, Stale
// what it costs that the word may be another by the time the caller acts on it.

// load returns the word as it is at one instant of the call.
//
// LP: of State, Snapshot, RetryAfter, and of every event that changes nothing.
// HB: the swap that wrote this word, and all before it, happened before this load returns it.
// Stale: a snapshot of the past; an event goes on to apply, which compares.
func (b *Breaker) load() word.Word {
	return word.Word(b.word.Load())
}

// apply brings e into the word and returns the word before and after it; equal ones mean that e changes nothing and that
// nothing was written. from is a word that the caller loaded during the same operation.
//
// The loop is lock-free: a swap fails only where another's has succeeded. It is safe from ABA, because next follows from
// nothing but the word that it replaces: a word that went away and came back is the same breaker.
func (b *Breaker) apply(from word.Word, e word.Event) (old, next word.Word) {
	for old = from; ; old = b.load() {
		if next = old.Counted(e, &b.params); next == old {
			next = word.Next(old, e, &b.params)
		}
		// LP: the swap, if it succeeds; if nothing changes, the load that returned old.
		// HB: a successful swap orders this call after all swaps before it, and before every load that sees its word. An
		// unchanged word is a load: nothing is ordered after it.
		// Stale: a word that is no longer old fails the swap, and after a pause Next is asked again.
		if next == old || b.word.CompareAndSwap(uint64(old), uint64(next)) {
			return old, next
		}
		pause()
	}
}

// pause takes about half a microsecond and does nothing. Meanwhile the goroutine whose swap succeeded
// makes its next calls without losing the word's cache line. With a much shorter pause the line moves
// between the processors at almost every call.
func pause() {
	for range 2048 {
	}
}

// The five calls of the hot path follow, each split in two: a fast half that settles the common case with one load and
// fits the inliner's budget, and a slow half that is kept out of it. The fast half hands its word to the slow one (but
// for Do's), so a call that is turned away costs one load too. They are here, and not beside their slow halves, because
// the budget of 80 has no room for load as a function. (Success exceeds it by 3 in the shortest of many forms: to look
// whether the permit is spent, and to spend it, is what is too much. It is one short call.)

// Allow reports whether the call may go to the sink. Each Allow that returned true is to be followed by one
// RecordSuccess or RecordFailure.
//
// Outcomes reported this way belong to no call: one that is late counts in the period it arrives in, and an admission
// that has nothing to report holds a probe's place until the probe timeout. [Breaker.TryAcquire] has neither limit.
func (b *Breaker) Allow() bool {
	// LP: this load, if it settles the call.
	// Stale: a record goes to a sink that has just been cut off, as if the call had come a moment earlier.
	w := word.Word(b.word.Load())
	return w <= word.MaxClosed || b.allowSlow(w)
}

// RecordSuccess reports a call that succeeded: while closed it clears the failure count (or, under a failure rate, takes
// some away), while half-open it counts as a probe's if one is in flight, else it changes nothing.
func (b *Breaker) RecordSuccess() {
	// LP: this load, if it settles the call.
	// Stale: a failure that is counted meanwhile is not cleared, as if the success had come a moment earlier.
	w := word.Word(b.word.Load())
	if w&word.Unhealthy != 0 {
		b.recordSuccessSlow(w)
	}
}

// TryAcquire asks for admission: true with a permit to be reported once, or false with the zero Permit. It admits when
// the breaker is closed or forced closed, when it is half-open and fewer than the allowed probes are in flight, and when
// it is open with the recovery timeout over; the last makes it half-open in the same step.
func (b *Breaker) TryAcquire() (p Permit, ok bool) {
	// LP: this load, if it settles the call.
	// Stale: as in Allow; and the permit carries this word's generation, so a report that comes too late is void (I3).
	//
	// The results are read after acquireSlow, which changes p: the language leaves that open for operands that are not
	// calls, the compiler does it (tests say so), and the form that does not depend on it exceeds the budget by 1.
	p.breaker, p.pass = b, ^word.Word(b.word.Load())
	return p, p.pass >= ^word.MaxClosed || p.acquireSlow()
}

// Success reports that the call succeeded.
func (p *Permit) Success() {
	// LP: this load, if it settles the call.
	// Stale: as in RecordSuccess. The generation need not be compared: no period has anything to change here.
	if p.pass != 0 && p.breaker.word.Load()&uint64(word.Unhealthy) != 0 {
		p.report(word.Success, nil)
	}
	p.pass = 0
}

// Do calls fn if the breaker admits it, reports its error as [Permit.Report] does, and returns that error unchanged. If
// the breaker turns the call away, fn is not called and the error is [ErrOpen] or [ErrTooManyProbes]; it names the
// breaker and costs no allocation.
//
// A panic in fn, or a [runtime.Goexit], counts as a failure and continues unchanged. A nil fn panics
// before the call is admitted, and is no failure; a call that is turned away returns its error.
//
// A call of Do inside fn, on the same breaker, asks for a second admission. While half-open with one
// probe allowed, it is rejected; if fn then fails, the breaker never recovers. Guard each call once.
func (b *Breaker) Do(fn func() error) error {
	// LP: this load, if it turns the call away; here that is the common case, for what admits calls fn, and outweighs it.
	// Stale: a record is turned away that would be a probe, as if the call had come a moment earlier.
	if word.Word(b.word.Load()) > b.admitting {
		return b.errOpen
	}
	return b.do(fn)
}

// do is Do with another look at the word, which then decides: to hand over the first would exceed the inliner's budget
// by 1, and costs no less than to load again what was just loaded.
//
//go:noinline
func (b *Breaker) do(fn func() error) error {
	b.mustBeMade()
	if fn == nil {
		panic("atomicbreaker: Do of a nil function")
	}
	w := b.load()
	p := Permit{b, ^w}
	if w > word.MaxClosed {
		switch admitted, ok := b.admit(w); {
		case ok:
			p.pass = ^admitted
		case b.dryRun():
			p = Permit{}
		default:
			return b.rejection(admitted)
		}
	}
	defer p.Failure() // finds a spent permit, unless fn (or the classifier) did not return
	if b.timing.slow > 0 {
		return b.timed(&p, fn)
	}
	if err := fn(); err != nil {
		p.reportError(err, 0)
		return err
	}
	p.Success()
	return nil
}

// timed is the rest of do with a slow threshold.
func (b *Breaker) timed(p *Permit, fn func() error) error {
	start := b.clock.now()
	err := fn()
	took := b.clock.now().Sub(start)
	if err != nil {
		p.reportError(err, took)
	} else {
		p.succeed(nil, took)
	}
	return err
}

// Call is [Breaker.Do] for a function that returns a value. It returns what fn returned, or the zero value if the call
// was turned away.
func Call[T any](b *Breaker, fn func() (T, error)) (T, error) {
	if fn == nil {
		panic("atomicbreaker: Call of a nil function")
	}
	var value T
	err := b.Do(func() (err error) {
		value, err = fn()
		return err
	})
	return value, err
}

// rejection returns the error for a call that w turned away.
func (b *Breaker) rejection(w word.Word) error {
	if w.Phase() == word.HalfOpen {
		return b.errTooManyProbes
	}
	return b.errOpen
}

func rejection(name string, why error) error {
	return fmt.Errorf("breaker %q: %w", name, why)
}
