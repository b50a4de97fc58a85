// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// These methods give the tests access to internals: a start state, and a timer's event without the
// timer.

// Start puts b at w before its first use, as if all transitions up to w had been delivered. A
// cooling w gets a timer that is due and never fires.
func (b *Breaker) Start(w word.Word) {
	b.word.Store(uint64(w))
	b.timer.Store(nil)
	if w.Phase() == word.Cooling {
		b.timer.Store(&periodTimer{
			armed: true, until: b.clock.now(), event: word.Event{Generation: w.Generation()},
		})
	}
	for _, h := range []*hooks{b.syncHooks, b.asyncHooks} {
		if h != nil {
			h.startAfter(w.Generation())
		}
	}
}

// StartCooling is Start for a cooling w that has the given time left.
func (b *Breaker) StartCooling(w word.Word, left time.Duration) {
	b.Start(w)
	b.timer.Load().until = b.clock.now().Add(left)
}

// Word returns the word of b.
func (b *Breaker) Word() word.Word { return b.load() }

// Elapsed posts the event that a timer posts.
func (b *Breaker) Elapsed(generation uint32, successes int) {
	b.post(b.load(), word.Event{
		Kind: word.Elapsed, Bound: true, Generation: generation, Successes: uint8(successes),
	}, detail{})
}

// PermitOf returns a permit of a generation, as if it had been granted in it.
func (b *Breaker) PermitOf(generation uint32) Permit {
	w := word.Pack(word.Fields{Generation: generation})
	return Permit{b, w}
}

// Subscriptions returns the number of subscriptions that b holds. It is 0 for a breaker that has no
// list of them.
func (b *Breaker) Subscriptions() int {
	list := b.subscriptions.Load()
	if list == nil {
		return 0
	}
	return max(1, len(*list))
}
