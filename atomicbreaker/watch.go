// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// watch is a timer that was started for one period, and for one number of successes if that is half-open.
type watch struct {
	posts word.Event
	until time.Time
	timer *time.Timer
	fired counter // 1 before it posts
}

// concerns reports whether w is still what the timer was started for. Once it is not, it never is again, because the
// generation and, within one, the successes only go up: the timer has nothing left to change (I3).
func (t *watch) concerns(w word.Word) bool {
	return t.posts.Generation == w.Generation() && uint32(t.posts.Successes) == w.Successes()
}

// watched reports whether a probe admitted by w needs no timer of its own, because one for the same generation and
// successes is pending: that one ends the period no later, and finds the new probe in flight. Without this, callers that
// give their probes back at once would pile up timers without bound.
//
// No probe goes unwatched: a timer says that it has fired before it posts, so one that has not will post after this
// probe was admitted.
func (b *Breaker) watched(w word.Word) bool {
	t := b.watch.Load()
	return t != nil && t.concerns(w) && t.fired.Load() == 0
}

// start posts, after d, that the time of w is over.
func (b *Breaker) start(d time.Duration, w word.Word) {
	t := &watch{
		posts: word.Event{Kind: word.Elapsed, Bound: true, Generation: w.Generation(), Successes: uint8(w.Successes())},
		until: time.Now().Add(d),
	}
	t.timer = time.AfterFunc(d, func() {
		t.fired.Store(1)
		b.post(b.load(), t.posts, 0)
	})
	b.keep(t)
}

// keep makes t the watch that is known, and stops what concerns nobody any more: no timer has to be stopped for the word
// to be right, but a sink that fails as fast as it is asked would leave millions pending. Whoever comes late takes a
// newer watch out by putting his own in, and puts it back.
func (b *Breaker) keep(t *watch) {
	for {
		known := b.watch.Swap(t)
		if known == nil {
			return
		}
		w := b.load()
		if !known.concerns(w) {
			known.timer.Stop()
			return
		}
		if t.concerns(w) {
			return // two callers found none pending: one timer too many, and it posts no earlier
		}
		t = known
	}
}
