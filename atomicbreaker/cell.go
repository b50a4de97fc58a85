// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import "github.com/sinkguard/go-atomicbreaker/internal/word"

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
