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
