// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// timing is what the breaker knows of time. No decision is made from it: the runtime's timers tell the word that time
// has passed, with an event that names the period it belongs to (I3).
type timing struct {
	recovery time.Duration // recovery timeout, 0: due at once
	backoff  time.Duration // cap of the doubled recovery timeout, 0: no back-off
	jitter   float64       // largest share by which a recovery timeout is lengthened
	probe    time.Duration // probe timeout, 0: never
}

// watch is a timer that was started for one period, and for one number of successes if that is half-open.
type watch struct {
	posts word.Event
	until time.Time
	timer *timer
	fired counter // 1 before it posts
}

// concerns reports whether w is still what the timer was started for. Once it is not, it never is again, because the
// generation and, within one, the successes only go up: the timer has nothing left to change (I3).
func (t *watch) concerns(w word.Word) bool {
	return t.posts.Generation == w.Generation() && uint32(t.posts.Successes) == w.Successes()
}

// arm starts the timer that the change from old to next owes, if any.
func (b *Breaker) arm(old, next word.Word, e word.Kind, hold time.Duration) {
	switch next.Phase() { //nolint:exhaustive // the other phases wait for nothing
	case word.Cooling:
		if e != word.TripFor {
			hold = b.timing.open(next.Attempt())
		}
		b.start(hold, next)
	case word.HalfOpen:
		if e == word.Allow && b.timing.probe > 0 && !b.watched(next) {
			b.start(b.timing.probe, next)
		}
	case word.Closed: // the stability timer: until it fires, a new trip goes on with the back-off
		if old.Phase() == word.HalfOpen && next.Attempt() > 0 {
			b.start(b.timing.open(next.Attempt()), next)
		}
	}
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
	t.timer = afterFunc(d, func() {
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
		t.timer.Stop()
		t = known
	}
}

// open returns how long attempt n keeps the breaker open: recovery × 2^n up to the back-off's cap, lengthened by jitter.
func (t *timing) open(n uint32) time.Duration {
	d := t.plain(n)
	longer := rand.Float64() * t.jitter * float64(d)
	if longer >= float64(math.MaxInt64-d) {
		return math.MaxInt64
	}
	return d + time.Duration(longer)
}

// plain is open without jitter. Comparing against the shifted cap keeps the doubling from overflowing.
func (t *timing) plain(n uint32) time.Duration {
	switch {
	case t.backoff == 0:
		return t.recovery
	case t.recovery > t.backoff>>n:
		return t.backoff
	}
	return t.recovery << n
}

// RetryAfter returns the time left until a probe may be admitted: 0 unless the breaker is open and its recovery timeout
// is running. It is advice for a Retry-After header or a log line, not a reservation, and the one method that reads the
// clock. In the instant between an opening and the start of its timer it answers with the recovery timeout.
func (b *Breaker) RetryAfter() time.Duration {
	w := b.load()
	if w.Phase() != word.Cooling {
		return 0
	}
	t := b.watch.Load()
	if t == nil || t.posts.Generation != w.Generation() {
		return b.timing.plain(w.Attempt())
	}
	return max(0, time.Until(t.until))
}
