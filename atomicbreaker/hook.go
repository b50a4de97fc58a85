// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import "github.com/sinkguard/go-atomicbreaker/internal/word"

// hooks delivers transitions to functions of the user: each exactly once, in the order of the generations, one at a
// time, whichever goroutines made them, and no caller waits for another's delivery (I7, I8).
//
// A transition goes through three hands:
//
//  1. Its maker appends it to a queue: it swaps itself in as the last, then links its predecessor to it. Makers may
//     arrive in another order than the generations.
//  2. Its maker asks for a look at the queue by adding one to asked. Whoever raises asked from 0 is the deliverer;
//     anybody else leaves, because the deliverer will look again.
//  3. The deliverer takes from the queue what is linked, puts aside what is early, calls the functions for each
//     generation in turn, and takes the looks it has made off asked. At 0 it is the deliverer no more.
//
// Nothing gets stuck between the hands: a maker asks after linking, so the look that answers it sees its transition, and
// also those behind it that were cut off until it linked; an early transition waits only for one whose maker has not
// asked yet.
type hooks struct {
	funcs []func(Transition)
	async bool

	asked counter           // looks asked for and not yet made
	last  pointer[delivery] // the newest of the queue

	// What follows belongs to the deliverer; asked hands it from one to the next.
	taken *delivery            // the newest taken from the queue
	early map[uint32]*delivery // taken, but not their turn yet, by generation
	now   *delivery            // being delivered
	told  int                  // functions that have been called for now
}

type delivery struct {
	transition Transition
	next       pointer[delivery]
}

// newHooks returns nil for no functions.
func newHooks(funcs []func(Transition), async bool) *hooks {
	if len(funcs) == 0 {
		return nil
	}
	// A breaker starts in generation 0 as if that had been delivered.
	start := &delivery{}
	h := &hooks{funcs: funcs, async: async, taken: start, now: start, told: len(funcs)}
	h.last.Store(start)
	return h
}

func (h *hooks) publish(t Transition) {
	d := &delivery{transition: t}
	h.last.Swap(d).next.Store(d)
	if h.asked.Inc() != 1 {
		return // the deliverer looks again
	}
	if h.async {
		go h.deliver()
		return
	}
	h.deliver()
}

// deliver calls the functions until nothing is left to look at. A function that panics or exits its goroutine does not
// return here: then the deferred call delivers the rest before the panic or the exit goes on.
func (h *hooks) deliver() {
	done := false
	defer func() {
		if !done {
			h.deliver()
		}
	}()
	for !done {
		asked := h.asked.Load()
		for h.step() {
			f := h.funcs[h.told]
			h.told++ // before the call: a function that does not return has been called all the same
			f(h.now.transition)
		}
		done = h.asked.Sub(asked) == 0
	}
}

// step moves on to the next call that is due and reports whether there is one.
func (h *hooks) step() bool {
	if h.told < len(h.funcs) {
		return true
	}
	due := (h.now.transition.Generation + 1) & word.MaxGeneration
	d := h.early[due]
	delete(h.early, due)
	for d == nil {
		d = h.taken.next.Load()
		if d == nil {
			return false
		}
		h.taken = d
		if g := d.transition.Generation; g != due {
			if h.early == nil {
				h.early = make(map[uint32]*delivery)
			}
			h.early[g] = d
			d = nil
		}
	}
	h.now, h.told = d, 0
	return true
}
