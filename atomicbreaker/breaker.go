// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"fmt"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Breaker is a circuit breaker for one sink. Create it with [New]. The zero Breaker is not usable,
// and a Breaker must not be copied.
//
// Properties:
//   - Any goroutine may call any method at any time, including from a hook.
//   - Linearizable: every call takes effect at one instant between its start and its return.
//   - Lock-free, without a goroutine of its own. Allow and RecordSuccess are wait-free on a healthy
//     breaker. So is Allow on a breaker that is forced, or open with its recovery timeout running.
//     These calls perform one load, write nothing, read no clock and allocate nothing.
//   - A call that changes the breaker happens before every call that sees the change. A call that
//     changes nothing only loads, so it does not happen before any other call.
//   - No call waits for another. A call that makes a transition may have to deliver it to the hooks
//     of [WithOnTransition], together with the transitions that other calls make in the meantime.
//
// A breaker that the program no longer references can be garbage-collected even while one of its
// timers is pending. It then makes no more transitions, and its hooks are not called again.
type Breaker struct {
	// word is the state of the breaker. Only this file accesses it, and each operation of the
	// package takes effect at exactly one of these accesses (I1). In the comments, LP marks that
	// access (the linearization point), HB names the happens-before order that a reader may rely
	// on, and Stale describes the effect if the word has changed since.
	//
	// It is the first field of an allocated struct, so it is aligned to 8 bytes on 32-bit
	// platforms, as go.uber.org/atomic requires.
	word   cell
	params word.Params

	admitting word.Word // the largest word that may admit a call: word.MaxAdmitting, in a dry run MaxWord

	errOpen, errTooManyProbes error // what Do returns

	clock clock
	_     noCopy

	// The fast halves of the calls do not read the fields below.

	self       *Breaker // the address that New returned; a copy has another
	name       string
	timing     timing
	classify   func(error) Outcome
	retryAfter func(error) (time.Duration, bool) // nil: no error names a time

	syncHooks, asyncHooks *hooks // nil: none
	subscriptions         pointer[[]*hooks]
	onHookPanic           func(Transition, any)

	timer pointer[periodTimer] // of the newest period that has one; nil before the first
}

// noCopy makes go vet report copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// New returns a closed breaker. The name appears in transitions and errors, and need not be unique.
// Without options it opens after 5 consecutive failures, admits one probe after 30 s, and closes
// when that probe succeeds.
//
// If options are out of range, New returns nil and an error that matches [ErrConfig] and names each
// of them with its value and range.
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
		errOpen:          fmt.Errorf("breaker %q: %w", name, ErrOpen),
		errTooManyProbes: fmt.Errorf("breaker %q: %w", name, ErrTooManyProbes),
	}
	b.self = b
	if c.dryRun {
		b.admitting = word.MaxWord
	}
	return b, nil
}

// MustNew is like [New] but panics if New returns an error.
func MustNew(name string, opts ...Option) *Breaker {
	b, err := New(name, opts...)
	if err != nil {
		panic(err)
	}
	return b
}

// Name returns the name given to [New].
func (b *Breaker) Name() string { return b.name }

// SlowThreshold returns the duration of [WithSlowThreshold], or 0 if there is none. It is for
// adapters; [Breaker.Do] and [Call] apply the threshold themselves.
func (b *Breaker) SlowThreshold() time.Duration { return b.timing.slow }

// Each call of the hot path has two halves. The fast half handles the common case with one load. It
// fits the inliner's budget of 80, which leaves no room for a call of load. The slow half is not
// inlined. It starts from the word that the fast half loaded, so a rejected call costs one load as
// well. (Do loads again, because passing the word on would exceed the budget by 1.)

// Allow reports whether the breaker admits a call. Report each admitted call once, with
// RecordSuccess or RecordFailure.
//
// The breaker cannot match these reports to calls. A late report counts in the period in which it
// arrives, and a probe without an outcome cannot give its place back before the probe timeout.
// [Breaker.TryAcquire] has neither limitation.
func (b *Breaker) Allow() bool {
	// LP: this load, if it settles the call. Stale: the call uses a sink that the breaker has just
	// cut off, as if it had come earlier.
	w := word.Word(b.word.Load())
	return w <= word.MaxClosed || b.allowSlow(w)
}

//go:noinline
func (b *Breaker) allowSlow(w word.Word) bool {
	b.mustBeMade()
	if w > b.admitting {
		return false
	}
	_, ok := b.admit(w)
	return ok || b.dryRun()
}

// admit requests admission from a breaker that is not closed. It returns the word that admitted or
// rejected the call.
func (b *Breaker) admit(w word.Word) (word.Word, bool) {
	old, next := b.post(w, word.Event{Kind: word.Allow}, detail{})
	return next, next != old || old.Admits()
}

// RecordSuccess reports a call that succeeded. On a closed breaker it clears the failure count, or
// subtracts from it under [WithFailureRate]. On a half-open breaker it counts as a probe's success
// if a probe is in flight. Otherwise it changes nothing.
func (b *Breaker) RecordSuccess() {
	// LP: this load, if it settles the call. Stale: a failure that was counted since is not
	// cleared, as if the success had come earlier.
	w := word.Word(b.word.Load())
	if w&word.Unhealthy != 0 {
		b.recordSuccessSlow(w)
	}
}

//go:noinline
func (b *Breaker) recordSuccessSlow(w word.Word) {
	b.post(w, word.Event{Kind: word.Success}, detail{})
}

// RecordFailure reports a call that failed. On a closed breaker it adds to the failure count, and
// opens the breaker at the threshold. On a half-open breaker it counts as a probe's failure if a
// probe is in flight. Otherwise it changes nothing.
func (b *Breaker) RecordFailure() { b.signal(word.Failure) }

// TryAcquire requests admission of a call. It returns true and a permit that takes one report, or
// false and the zero Permit. A closed or forced-closed breaker admits every call; a half-open one
// admits a call if fewer than the allowed probes are in flight. If an open breaker's recovery
// timeout is over, TryAcquire makes it half-open and admits the call as a probe, in one step.
func (b *Breaker) TryAcquire() (p Permit, ok bool) {
	// LP: this load, if it settles the call.
	// Stale: as in Allow. The permit carries this word's generation, so a late report is void (I3).
	p.breaker, p.from = b, word.Word(b.word.Load())
	ok = p.from <= word.MaxClosed || p.acquireSlow()
	return // naming the results here would exceed the inliner's budget by 2
}

// acquireSlow is the slow half of TryAcquire. p holds the breaker and the loaded word, which is not
// that of a closed breaker.
//
//go:noinline
func (p *Permit) acquireSlow() bool {
	b := p.breaker
	b.mustBeMade()
	if p.from <= b.admitting {
		if admitted, ok := b.admit(p.from); ok {
			p.from = admitted
			return true
		}
	}
	*p = Permit{}
	return b.dryRun()
}

// Success reports that the call succeeded.
func (p *Permit) Success() {
	// This exceeds the inliner's budget, so it costs one short call.
	//
	// LP: this load, if it settles the call. Stale: as in RecordSuccess. The generations need not
	// match, because on a healthy breaker a success of any period changes nothing.
	if b := p.breaker; b != nil && p.from != spent && b.word.Load()&uint64(word.Unhealthy) != 0 {
		p.report(word.Success, nil)
	}
	p.from = spent
}

// Do calls fn if the breaker admits the call, reports the error of fn as [Permit.Report] does, and
// returns that error unchanged. If the breaker rejects the call, Do does not call fn. It returns an
// error that names the breaker and matches [ErrRejected], and also [ErrOpen] or [ErrTooManyProbes].
// A rejection allocates nothing.
//
// A panic in fn, or a [runtime.Goexit], counts as a failure and continues unchanged. Do panics if
// fn is nil and the breaker may admit the call; this does not count as a failure.
//
// Do not call Do of the same breaker inside fn. The inner call needs an admission of its own. On a
// half-open breaker with one probe allowed it is rejected, and if fn then fails, the breaker never
// recovers.
func (b *Breaker) Do(fn func() error) error {
	// LP: this load, if it rejects the call. Only a rejection has a fast half, because the cost of
	// fn dominates an admitted call. Stale: a call that could be a probe is rejected, as if it had
	// come earlier.
	if word.Word(b.word.Load()) > b.admitting {
		return b.errOpen
	}
	return b.do(fn)
}

//go:noinline
func (b *Breaker) do(fn func() error) error {
	b.mustBeMade()
	if fn == nil {
		panic("atomicbreaker: Do of a nil function")
	}
	w := b.load()
	p := Permit{b, w}
	if w > word.MaxClosed {
		switch admitted, ok := b.admit(w); {
		case ok:
			p.from = admitted
		case b.dryRun():
			p = Permit{}
		case admitted.Phase() == word.HalfOpen:
			return b.errTooManyProbes
		default:
			return b.errOpen
		}
	}
	defer p.Failure() // counts only if fn or the classifier does not return
	if b.timing.slow > 0 {
		return p.timed(fn)
	}
	if err := fn(); err != nil {
		p.reportError(err, 0)
		return err
	}
	p.Success()
	return nil
}

// Call is [Breaker.Do] for a function that returns a value. It returns what fn returned, or the
// zero value if the breaker rejected the call. Call panics if fn is nil.
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

// Trip opens a closed or half-open breaker for the recovery timeout. In any other state it changes
// nothing.
func (b *Breaker) Trip() { b.signal(word.Trip) }

// Reset closes the breaker from any other state and clears its counts. On a closed breaker it
// clears the failures and the attempts, and makes no transition.
func (b *Breaker) Reset() { b.signal(word.Reset) }

// ForceOpen rejects every call until [Breaker.Reset] or [Breaker.ForceClosed].
func (b *Breaker) ForceOpen() { b.signal(word.ForceOpen) }

// ForceClosed admits every call and ignores its outcome until [Breaker.Reset] or
// [Breaker.ForceOpen].
func (b *Breaker) ForceClosed() { b.signal(word.ForceClosed) }

// signal posts an event that belongs to no period.
func (b *Breaker) signal(k word.Kind) { b.post(b.load(), word.Event{Kind: k}, detail{}) }

// detail is what an event carries besides its effect on the word.
type detail struct {
	hold time.Duration // how long TripFor keeps the breaker open; 0: the recovery timeout
	err  error         // the error that the event reports
}

// post applies e to the word and carries out the consequences. The goroutine whose swap succeeds
// arms the timer and then publishes the transition (I6); it derives both from the two words. w is a
// word that the caller loaded during the same operation.
func (b *Breaker) post(w word.Word, e word.Event, d detail) (old, next word.Word) {
	b.mustBeMade()
	old, next = b.apply(w, e)
	if next != old && old|next > word.MaxClosed { // a change from closed to closed has no consequences
		b.arm(old, next, e.Kind, d.hold)
		if next.Generation() != old.Generation() {
			b.publish(old, next, e.Kind, d.err)
		}
	}
	return old, next
}

// load returns the word at one instant of the call.
//
// LP: the load, for State, Snapshot, RetryAfter, and every event that changes nothing. HB: the swap
// that wrote this word, and all swaps before it, happened before this load returns. Stale: a
// snapshot describes the past. apply compares the word before it changes it.
func (b *Breaker) load() word.Word { return word.Word(b.word.Load()) }

// apply applies e to the word and returns the word before and after it. If they are equal, e
// changes nothing and apply has written nothing.
//
// The loop is lock-free: a swap fails only if another has succeeded. ABA is harmless, because next
// depends on nothing but the word that it replaces.
func (b *Breaker) apply(from word.Word, e word.Event) (old, next word.Word) {
	for old = from; ; old = b.load() {
		if next = old.Counted(e, &b.params); next == old {
			next = word.Next(old, e, &b.params)
		}
		// LP: the swap, if it succeeds; if nothing changes, the load that returned old. HB: a
		// successful swap is ordered after all earlier swaps, and before every load that sees its
		// word. If nothing changes, there is only a load, which orders nothing. Stale: the swap
		// fails if the word is no longer old. After a pause, the loop tries again.
		if next == old || b.word.CompareAndSwap(uint64(old), uint64(next)) {
			return old, next
		}
		pause()
	}
}

// pause takes about half a microsecond. During this time the goroutine whose swap succeeded makes
// its next calls without losing the word's cache line. With a much shorter pause, the line moves
// between the processors at almost every call.
func pause() {
	for range 2048 {
	}
}

// dryRun reports whether the breaker rejects no call.
func (b *Breaker) dryRun() bool { return b.admitting == word.MaxWord }

// mustBeMade panics if b is a zero Breaker or a copy.
func (b *Breaker) mustBeMade() {
	if b.self != b {
		panic("atomicbreaker: a Breaker that New did not make, or a copy of one")
	}
}
