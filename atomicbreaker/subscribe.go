// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"slices"
	"weak"
)

// Subscribe adds a function that is called as one of [WithAsyncOnTransition], beginning with the
// next transition: each transition made after Subscribe returns is delivered to f exactly once, in
// the order of the generations and one at a time, on a short-lived goroutine. The first call of f may
// begin before Subscribe returns, so an f that calls cancel needs to synchronize with the assignment
// of it. Subscribe panics if f is nil.
//
// cancel ends the subscription. A transition made after cancel returns is not delivered, and
// neither is one that is still queued; a call of f that has begun may still be running. Further
// calls of cancel do nothing. Until then the breaker keeps f in memory, but cancel keeps neither
// the breaker nor f.
//
// Any goroutine may call Subscribe and cancel at any time, including from a hook. A breaker without
// subscriptions pays nothing for them; with them, each transition costs a queue entry per
// subscription, and Subscribe and cancel copy the list of subscriptions.
func (b *Breaker) Subscribe(f func(Transition)) (cancel func()) {
	if f == nil {
		panic("atomicbreaker: Subscribe(nil): want a function")
	}
	b.mustBeMade()
	cancelled := new(counter)
	h := newHooks([]func(Transition){func(t Transition) {
		if cancelled.Load() == 0 {
			f(t)
		}
	}}, true, b.onHookPanic)

	// The subscription starts after the generation of the word loaded below. The swap of a later
	// transition comes after that load, when the list has h already, so its publisher finds h. The
	// publisher of an earlier one may find h as well; the deliverer drops that transition. Nobody
	// delivers meanwhile: pending starts at 1, so this goroutine has the right to deliver.
	h.pending.Store(1)
	b.addSubscription(h)
	h.startAfter(b.load().Generation())
	if h.pending.Sub(1) != 0 {
		spawn(h.deliver)
	}

	// Weak pointers, because a registry may keep cancel functions of breakers that others drop.
	weakBreaker, weakHooks := weak.Make(b), weak.Make(h)
	return func() {
		cancelled.Store(1)
		b, h := weakBreaker.Value(), weakHooks.Value()
		if b != nil && h != nil {
			b.removeSubscription(h)
		}
	}
}

// The list of subscriptions is immutable. The two methods below swap in a changed copy.

func (b *Breaker) addSubscription(h *hooks) {
	for {
		old := b.subscriptions.Load()
		list := []*hooks{h}
		if old != nil {
			list = append(slices.Clip(*old), h)
		}
		if b.subscriptions.CompareAndSwap(old, &list) {
			return
		}
	}
}

func (b *Breaker) removeSubscription(h *hooks) {
	for {
		old := b.subscriptions.Load()
		if old == nil {
			return
		}
		i := slices.Index(*old, h)
		if i < 0 {
			return
		}
		var next *[]*hooks // nil for an empty list, as before the first subscription
		if len(*old) > 1 {
			list := slices.Concat((*old)[:i], (*old)[i+1:])
			next = &list
		}
		if b.subscriptions.CompareAndSwap(old, next) {
			return
		}
	}
}
