// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"math"
	"math/rand/v2"
	"time"
	"weak"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// timing holds the configured durations. No decision is made from them: the runtime's timers post
// an event that names the period it belongs to (I3), and the word alone decides.
type timing struct {
	recovery time.Duration // recovery timeout, 0: due at once
	backoff  time.Duration // cap of the doubled recovery timeout, 0: no back-off
	jitter   float64       // largest share by which a recovery timeout is lengthened
	probe    time.Duration // probe timeout, 0: never
	slow     time.Duration // a success that takes longer is a failure, 0: none is
}

// open returns how long attempt n keeps the breaker open: recovery × 2^n up to the back-off's cap,
// plus jitter.
func (t *timing) open(n uint32) time.Duration { return t.jittered(t.plain(n)) }

// plain is open without jitter. Comparing against the shifted cap keeps the doubling from
// overflowing.
func (t *timing) plain(n uint32) time.Duration {
	switch {
	case t.backoff == 0:
		return t.recovery
	case t.recovery > t.backoff>>n:
		return t.backoff
	}
	return t.recovery << n
}

// minStable keeps a tiny recovery timeout from running the stability timer in a busy loop.
const minStable = 10 * time.Millisecond

// stable returns the length of one stability timeout. It does not back off: a sink that is well
// after a long outage is forgiven in a few plain recovery timeouts.
func (t *timing) stable() time.Duration { return t.jittered(max(t.recovery, minStable)) }

func (t *timing) jittered(d time.Duration) time.Duration {
	longer := rand.Float64() * t.jitter * float64(d)
	if longer >= float64(math.MaxInt64-d) {
		return math.MaxInt64
	}
	return d + time.Duration(longer)
}

// maxSlack is the most that TripFor adds to what it was asked for.
const maxSlack = time.Second

// held returns how long TripFor(d) keeps the breaker open. The slack makes many answers that name
// the same time, each a little later than the one before, one open period.
func held(d time.Duration) time.Duration { return d + min(maxSlack, d/10) }

// periodTimer is the time of one period: of a generation and, while half-open, of a number of
// successes. Breaker.timer holds the newest one. It is either
//
//   - armed: the goroutine that began the period has put it there and starts a timer for it, or
//   - a demand: TripFor met an open period whose timer was not known yet, and requires at
//     least this deadline of the goroutine that began it.
type periodTimer struct {
	event word.Event // what the timer posts
	until time.Time
	armed bool

	timer pointer[runtimeTimer] // nil until it is started
	fired counter               // 1 from just before the event is posted
}

// current reports whether w is still in the period of t. Once it is not, it never is again, because
// the generation and, within one, the successes only go up: the timer can change nothing then (I3).
func (t *periodTimer) current(w word.Word) bool {
	return t.event.Generation == w.Generation() && uint32(t.event.Successes) == w.Successes()
}

// pending reports whether the timer of t is still to post its event. It may not be started yet, but
// then the goroutine that armed it is about to.
func (t *periodTimer) pending() bool { return t.armed && t.fired.Load() == 0 }

// stop keeps the runtime from holding a timer that can change nothing for as long as it would run.
func (t *periodTimer) stop() {
	if timer := t.timer.Load(); timer != nil {
		timer.Stop()
	}
}

// arm starts the timer that the change from old to next calls for, if any (I9). hold is how long
// TripFor keeps the breaker open.
func (b *Breaker) arm(old, next word.Word, e word.Kind, hold time.Duration) {
	switch next.Phase() { //nolint:exhaustive // no other phase waits for time
	case word.Cooling:
		if hold == 0 {
			hold = b.timing.open(next.Attempt())
		}
		b.start(hold, next)
	case word.HalfOpen:
		if e == word.Allow && b.timing.probe > 0 {
			b.start(b.timing.probe, next)
		}
	case word.Closed:
		if old.Phase() == word.HalfOpen && next.Attempt() > 0 {
			b.start(b.timing.stable(), next)
		}
	}
}

// start arms a timer that posts, after d, that the time of w's period is over. It does nothing if
// the word has left the period, or if a timer of the same period is pending: that one fires no
// later and finds whatever this one would. Without the second rule, callers that cancel their
// probes at once would pile up timers.
func (b *Breaker) start(d time.Duration, w word.Word) {
	until := b.clock.now().Add(d)
	var t *periodTimer
	for {
		// The word is loaded after the timer. If the word is still in w's period then, a timer of
		// another period is of an older one and can be displaced.
		known := b.timer.Load()
		current := b.load()
		if current.Generation() != w.Generation() || current.Successes() != w.Successes() {
			return
		}
		if known != nil && known.current(w) {
			if known.pending() {
				return
			}
			if !known.armed && known.until.After(until) {
				until = known.until
			}
		}
		if t == nil {
			t = &periodTimer{armed: true, event: word.Event{
				Kind: word.Elapsed, Bound: true,
				Generation: w.Generation(), Successes: uint8(w.Successes()),
			}}
		}
		t.until = until
		if b.timer.CompareAndSwap(known, t) {
			if known != nil {
				known.stop()
			}
			break
		}
	}
	t.timer.Store(b.clock.start(t, until.Sub(b.clock.now()), weak.Make(b)))
	if b.timer.Load() != t {
		t.stop() // it was displaced before there was anything to stop
	}
}

// expire posts the event. It holds the breaker weakly, so that a pending timer does not keep in memory
// a breaker that its owner has dropped.
func (t *periodTimer) expire(owner weak.Pointer[Breaker]) {
	// Fired before posted: an admission that finds a timer which has not fired relies on its event,
	// which then meets a word that counts the admission.
	t.fired.Store(1)
	b := owner.Value()
	if b == nil {
		return
	}
	_, next := b.post(b.load(), t.event, detail{})
	if next.Phase() == word.Closed && t.current(next) && next.Attempt() > 0 {
		b.start(b.timing.stable(), next)
	}
}

// TripFor opens the breaker for d plus a slack of d/10, at most 1 s; neither back-off nor jitter
// applies. It is for a sink that says how long to leave it alone, as HTTP's Retry-After does;
// [WithRetryAfter] reads that from the errors of the calls. TripFor(d) with d <= 0 is
// [Breaker.Trip].
//
// TripFor never shortens an open period. On an open breaker it starts a new one, published as a
// transition from Open to Open, unless the running one ends no earlier than d from now; then it
// changes nothing. The slack lets many calls that are given the same answer cause one transition.
// If the call that opened the breaker has not returned yet, the new deadline takes effect when it
// does. On a forced breaker TripFor changes nothing.
func (b *Breaker) TripFor(d time.Duration) {
	if d <= 0 {
		b.Trip()
		return
	}
	b.openFor(d, word.Event{Kind: word.TripFor}, nil)
}

// openFor opens the breaker for at least d, or leaves an open period that ends no earlier as it is.
// e is a TripFor, or a RetryAfter of a permit, which outside its own period only extends an open one.
func (b *Breaker) openFor(d time.Duration, e word.Event, err error) {
	b.mustBeMade()
	d = min(d, math.MaxInt64-maxSlack) // the longest time has its slack too
	for {
		known := b.timer.Load()
		w := b.load() // after the timer, as in start
		if w.Phase() == word.Cooling {
			current := known != nil && known.current(w)
			if current && !known.until.Before(b.clock.now().Add(d)) {
				return
			}
			if !current || !known.armed {
				// The goroutine that opened the breaker has not armed its timer yet, so nobody knows
				// how long this period lasts. It will find the demand.
				if b.demand(known, w, d) {
					return
				}
				continue
			}
		}
		now := e
		if w.Open() {
			now.Kind = word.TripFor
		} else if e.Bound && e.Generation != w.Generation() {
			return
		}
		// Bound to the period that was looked at. If the breaker has left it, the event is void.
		now.Bound, now.Generation = true, w.Generation()
		old, _ := b.post(w, now, detail{hold: held(d), err: err})
		if old.Generation() == w.Generation() {
			return
		}
	}
}

// demand asks the goroutine that opened the breaker in w for an open period of at least d. It reports
// false if known is no longer what the breaker knows of its timers.
func (b *Breaker) demand(known *periodTimer, w word.Word, d time.Duration) bool {
	t := &periodTimer{
		event: word.Event{Generation: w.Generation()}, until: b.clock.now().Add(held(d)),
	}
	if !b.timer.CompareAndSwap(known, t) {
		return false
	}
	if known != nil {
		known.stop()
	}
	return true
}

// RetryAfter returns the time left until a probe may be admitted: 0 unless the breaker is open and
// its recovery timeout is running. It is advice for a Retry-After header or a log line, not a
// reservation, and the only query that reads the clock. Between an opening and the start of its
// timer it returns the recovery timeout without jitter.
func (b *Breaker) RetryAfter() time.Duration {
	w := b.load()
	if w.Phase() != word.Cooling {
		return 0
	}
	t := b.timer.Load()
	if t == nil || !t.current(w) {
		return b.timing.plain(w.Attempt())
	}
	left := max(0, t.until.Sub(b.clock.now()))
	if !t.armed {
		return max(left, b.timing.plain(w.Attempt()))
	}
	return left
}
