// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// timing is what the breaker knows of time. No decision is made from it: the runtime's timers tell the word that time
// has passed, with an event that names the period it belongs to, so no timer is ever stopped (I3).
type timing struct {
	recovery time.Duration // recovery timeout, 0: due at once
	backoff  time.Duration // cap of the doubled recovery timeout, 0: no back-off
	jitter   float64       // largest share by which a recovery timeout is lengthened
	probe    time.Duration // probe timeout, 0: never
}

// deadline tells when the open period of one generation ends.
type deadline struct {
	generation uint32
	at         time.Time
}

// arm starts the timer that the change from old to next owes, if any.
func (b *Breaker) arm(old, next word.Word, e word.Kind, hold time.Duration) {
	switch next.Phase() { //nolint:exhaustive // the other phases wait for nothing
	case word.Cooling:
		if e != word.TripFor {
			hold = b.timing.open(next.Attempt())
		}
		b.announce(&deadline{next.Generation(), time.Now().Add(hold)})
		b.after(hold, next)
	case word.HalfOpen:
		if e == word.Allow {
			b.armProbe(next)
		}
	case word.Closed: // the stability timer: until it fires, a new trip goes on with the back-off
		if old.Phase() == word.HalfOpen && next.Attempt() > 0 {
			b.after(b.timing.open(next.Attempt()), next)
		}
	}
}

// after posts, after d, that the time of the period of w is over.
func (b *Breaker) after(d time.Duration, w word.Word) {
	e := elapsed(w)
	afterFunc(d, func() { b.post(b.load(), e, 0) })
}

func elapsed(w word.Word) word.Event {
	return word.Event{Kind: word.Elapsed, Bound: true, Generation: w.Generation(), Successes: uint8(w.Successes())}
}

// noProbe is the key of no probe: a half-open word never has 255 successes, since the 255th would have closed it.
const noProbe uint32 = word.MaxSuccesses

// armProbe starts the probe timeout of an admission, unless the timer of an earlier admission with the same generation
// and successes is pending: that one ends the period no later, and finds the new probe in flight. Without this, callers
// that give their probes back at once would pile up timers without bound.
//
// Why no probe goes unwatched: an admission that meets its own key follows one that wrote it and armed a timer, with no
// other key between them. When that timer fires it finds the key, and takes it out before it posts. So it has not posted
// yet, and when it does, the new probe has been admitted. An admission whose key is overwritten, by a late one with a
// smaller count or by a timer that took out more than its own, arms a timer too many, which is void or ends the period
// as one for each admission would.
func (b *Breaker) armProbe(w word.Word) {
	key := w.Generation()<<8 | w.Successes()
	if b.timing.probe == 0 || b.probeKey.Swap(key) == key {
		return
	}
	e := elapsed(w)
	afterFunc(b.timing.probe, func() {
		if b.probeKey.Load() == key {
			b.probeKey.Store(noProbe)
		}
		b.post(b.load(), e, 0)
	})
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

// announce puts d where RetryAfter finds it, unless a newer one is there. Swapping an older deadline in takes the newer
// one out; whoever holds it puts it back, so when all have returned the newest is there.
func (b *Breaker) announce(d *deadline) {
	for {
		previous := b.deadline.Swap(d)
		if previous == nil || !newer(previous.generation, d.generation) {
			return
		}
		d = previous
	}
}

// newer compares generations across the wrap: a is newer than b if it lies less than half the range ahead.
func newer(a, b uint32) bool {
	ahead := (a - b) & word.MaxGeneration
	return ahead != 0 && ahead <= word.MaxGeneration/2
}

// RetryAfter returns the time left until a probe may be admitted: 0 unless the breaker is open and its recovery timeout
// is running. It is advice for a Retry-After header or a log line, not a reservation, and the one method that reads the
// clock. In the instant between an opening and the start of its timer it answers with the recovery timeout.
func (b *Breaker) RetryAfter() time.Duration {
	w := b.load()
	if w.Phase() != word.Cooling {
		return 0
	}
	d := b.deadline.Load()
	if d == nil || d.generation != w.Generation() {
		return b.timing.plain(w.Attempt())
	}
	return max(0, time.Until(d.at))
}
