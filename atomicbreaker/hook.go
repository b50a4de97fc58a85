// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"weak"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// hooks delivers transitions to the user's functions: each transition to each function exactly
// once, in the order of the generations, one at a time, whichever goroutines publish them. No
// publisher waits for a delivery of another one (I7, I8).
//
// It is Vyukov's MPSC queue with a counter of pending transitions. The consumer reorders the
// transitions by generation:
//
//  1. A publisher appends its transition: it swaps the tail, then links the old tail to the new
//     one. Transitions may arrive out of the order of their generations.
//  2. The publisher increments pending. The goroutine that moves pending from 0 to 1 delivers; the
//     others return.
//  3. The deliverer makes passes. In a pass it reads pending, takes what is linked, sets early
//     transitions aside, calls the functions for one generation after the other, and subtracts from
//     pending the value that it read. If the result is 0, it stops; otherwise it makes another
//     pass.
//
// No transition is left behind. A publisher increments pending after it has linked its transition.
// So the pass that subtracts this increment finds that transition, and also the later ones that the
// missing link had hidden. An early transition waits only for one whose publisher has not
// incremented pending yet.
type hooks struct {
	funcs   []func(Transition)
	async   bool
	onPanic func(Transition, any) // nil: print to os.Stderr

	pending counter           // increments that no pass has subtracted yet
	tail    pointer[delivery] // the newest in the queue

	// The deliverer owns the rest; pending passes it from one deliverer to the next.
	head    *delivery            // the newest taken from the queue
	early   map[uint32]*delivery // taken before their turn, by generation
	current *delivery            // being delivered
	called  int                  // functions that have been called for current
}

type delivery struct {
	transition Transition
	next       pointer[delivery]
}

// newHooks returns nil if there are no functions. The first generation to deliver is 1.
func newHooks(funcs []func(Transition), async bool, onPanic func(Transition, any)) *hooks {
	if len(funcs) == 0 {
		return nil
	}
	start := &delivery{}
	h := &hooks{
		funcs: funcs, async: async, onPanic: onPanic,
		head: start, current: start, called: len(funcs),
	}
	h.tail.Store(start)
	return h
}

// startAfter makes the generation after g the first one to deliver. Only the deliverer may call it,
// and only before the first delivery.
func (h *hooks) startAfter(g uint32) { h.current.transition.Generation = g }

func (h *hooks) publish(t Transition) {
	d := &delivery{transition: t}
	h.tail.Swap(d).next.Store(d)
	if h.pending.Inc() != 1 {
		return // the deliverer makes another pass
	}
	if h.async {
		spawn(h.deliver)
		return
	}
	h.deliver()
}

// deliver calls the functions until nothing is pending. If a function ends the goroutine, a new one
// delivers the rest: a recursive call from the deferred function would grow the stack with each
// function that exits.
func (h *hooks) deliver() {
	done := false
	defer func() {
		if !done {
			spawn(h.deliver)
		}
	}()
	for !done {
		pending := h.pending.Load()
		for h.step() {
			f := h.funcs[h.called]
			h.called++ // before the call: a function that ends the goroutine has been called too
			h.call(f)
		}
		done = h.pending.Sub(pending) == 0
	}
}

// step moves on to the next call that is due and reports whether there is one.
func (h *hooks) step() bool {
	if h.called < len(h.funcs) {
		return true
	}
	due := (h.current.transition.Generation + 1) & word.MaxGeneration
	d := h.early[due]
	delete(h.early, due)
	for d == nil {
		d = h.head.next.Load()
		if d == nil {
			return false
		}
		h.head = d
		switch g := d.transition.Generation; {
		case g == due:
		case isAfter(g, due):
			if h.early == nil {
				h.early = make(map[uint32]*delivery)
			}
			h.early[g] = d
			d = nil
		default: // it was made before the subscription
			d = nil
		}
	}
	h.current, h.called = d, 0
	return true
}

// isAfter reports whether generation g comes after due. Generations wrap, so the shorter distance
// decides.
func isAfter(g, due uint32) bool {
	return (g-due)&word.MaxGeneration <= word.MaxGeneration/2
}

// call calls f and contains its panic. A Goexit passes through.
func (h *hooks) call(f func(Transition)) {
	defer func() {
		if v := recover(); v != nil {
			h.panicked(v)
		}
	}()
	f(h.current.transition)
}

// panicked reports a hook's panic. It runs on top of the panicking stack, so debug.Stack shows
// both.
func (h *hooks) panicked(v any) {
	t := h.current.transition
	if h.onPanic == nil {
		printPanic(t, "hook panicked", v)
		return
	}
	defer func() {
		if v2 := recover(); v2 != nil {
			printPanic(t, "hook panicked", v)
			printPanic(t, "function of WithOnHookPanic panicked", v2)
		}
	}()
	h.onPanic(t, v)
}

// printPanic writes one message, with the stack of the caller, to os.Stderr.
func printPanic(t Transition, what string, v any) {
	fmt.Fprintf(os.Stderr, "atomicbreaker: breaker %q: %s on %v -> %v (generation %d): %v\n%s",
		t.Name, what, t.From, t.To, t.Generation, v, debug.Stack())
}

// publish delivers to the synchronous hooks last, because one of them may block or end the
// goroutine.
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
// the caller does not get the permit, so publishAdmission gives it back.
func (b *Breaker) publishAdmission(t Transition) {
	returned := false
	defer func() {
		if !returned {
			e := word.Event{Kind: word.Cancel, Bound: true, Generation: t.Generation}
			b.post(b.load(), e, detail{})
		}
	}()
	b.syncHooks.publish(t)
	returned = true
}

// Subscribe adds a function that is called like one of [WithAsyncOnTransition]. Each transition
// made after Subscribe returns is delivered to f exactly once, in the order of the generations, one
// at a time, on a short-lived goroutine. A transition made during Subscribe may be delivered as
// well, so the first call of f may begin before Subscribe returns. An f that calls cancel must
// therefore synchronize with the assignment of cancel. Subscribe panics if f is nil.
//
// cancel ends the subscription. Transitions made after cancel returns are not delivered, and
// neither are those that are still queued. cancel does not wait for a call of f that has begun.
// Further calls of cancel do nothing. The breaker references f until cancel is called; cancel
// references neither the breaker nor f.
//
// Any goroutine may call Subscribe and cancel at any time, including from a hook. Each transition
// costs one queue entry per subscription. Subscribe and cancel copy the list of subscriptions.
func (b *Breaker) Subscribe(f func(Transition)) (cancel func()) {
	if f == nil {
		panic("atomicbreaker: Subscribe(nil): want a function")
	}
	b.mustBeMade()
	canceled := new(counter)
	h := newHooks([]func(Transition){func(t Transition) {
		if canceled.Load() == 0 {
			f(t)
		}
	}}, true, b.onHookPanic)

	// The subscription starts after the generation of the word loaded below. The swap of a later
	// transition comes after that load, when h is already in the list, so its publisher finds h.
	// The publisher of an earlier transition may find h as well; the deliverer drops that
	// transition. No other goroutine delivers meanwhile, because pending starts at 1.
	h.pending.Store(1)
	b.addSubscription(h)
	h.startAfter(b.load().Generation())
	if h.pending.Sub(1) != 0 {
		spawn(h.deliver)
	}

	// Weak pointers, because a program may keep cancel functions longer than the breakers.
	weakBreaker, weakHooks := weak.Make(b), weak.Make(h)
	return func() {
		canceled.Store(1)
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
