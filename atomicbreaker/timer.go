// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"math"
	"math/rand/v2"
	"time"
	"weak"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// timing holds the configured durations. A runtime timer that runs for one of them posts an event
// that names its period (I3), and the word alone decides what the event does.
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

// stable returns the length of one stability timeout. It does not back off, so after a long outage
// the attempts of a healthy sink return to 0 within a few plain recovery timeouts.
func (t *timing) stable() time.Duration { return t.jittered(max(t.recovery, minStable)) }

func (t *timing) jittered(d time.Duration) time.Duration {
	longer := rand.Float64() * t.jitter * float64(d)
	if longer >= float64(math.MaxInt64-d) {
		return math.MaxInt64
	}
	return d + time.Duration(longer)
}

// maxSlack is the most that TripFor adds to its argument.
const maxSlack = time.Second

// held returns how long TripFor(d) keeps the breaker open. Because of the slack, many calls that
// name the same retry time, each a little later than the one before, start only one open period.
func held(d time.Duration) time.Duration { return d + min(maxSlack, d/10) }

// periodTimer is the deadline of one period: of a generation and, while half-open, of a number of
// successes. Breaker.timer holds the newest one. It is either
//
//   - armed: the goroutine that began the period stored it and starts a timer for it, or
//   - a demand: TripFor found an open period whose timer was not armed yet. The goroutine that
//     began the period must arm the timer with at least this deadline.
type periodTimer struct {
	event word.Event // what the timer posts
	until time.Time
	armed bool

	timer pointer[runtimeTimer] // nil until it is started
	fired counter               // 1 from just before the event is posted
}

// current reports whether w is still in the period of t. No later word returns to a past period,
// because the generation only increases, and so do the successes within a generation. The timer of
// a past period changes nothing (I3).
func (t *periodTimer) current(w word.Word) bool {
	return t.event.Generation == w.Generation() && uint32(t.event.Successes) == w.Successes()
}

// pending reports whether the timer of t has not posted its event yet. If the timer is not started,
// the goroutine that armed it is about to start it.
func (t *periodTimer) pending() bool { return t.armed && t.fired.Load() == 0 }

// stop stops a timer that can no longer change anything, so that the runtime does not hold it until
// it would fire.
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
// the word has left the period, or if a timer of the same period is pending: that timer fires no
// later and has the same effect. Without the second rule, callers that cancel their probes at once
// would accumulate timers.
func (b *Breaker) start(d time.Duration, w word.Word) {
	until := b.clock.now().Add(d)
	var t *periodTimer
	for {
		// Load the word after the timer. If the word is still in w's period, a timer of another
		// period belongs to an older one and can be displaced.
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

// expire posts the event. Its pointer to the breaker is weak, so that a pending timer does not keep
// a dropped breaker in memory.
func (t *periodTimer) expire(owner weak.Pointer[Breaker]) {
	// Set fired before posting. An admission that finds the timer not fired relies on its event, so
	// the event must see a word that counts the admission.
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
// applies. Use it if the sink says how long to back off, as HTTP's Retry-After header does.
// [WithRetryAfter] reads that time from the errors of calls. If d <= 0, TripFor does the same as
// [Breaker.Trip].
//
// TripFor never shortens an open period. On an open breaker it starts a new one, published as a
// transition from Open to Open, unless the running one ends no earlier than d from now; then it
// changes nothing. Because of the slack, many calls that receive the same retry time make only one
// transition. If the call that opened the breaker has not returned yet, the new deadline takes
// effect when it returns. On a forced breaker TripFor changes nothing.
func (b *Breaker) TripFor(d time.Duration) {
	if d <= 0 {
		b.Trip()
		return
	}
	b.openFor(d, word.Event{Kind: word.TripFor}, nil)
}

// openFor opens the breaker for at least d, or leaves an open period that ends no earlier as it is.
// e is a TripFor, or a RetryAfter of a permit, which outside its own period only extends an open
// one.
func (b *Breaker) openFor(d time.Duration, e word.Event, err error) {
	b.mustBeMade()
	d = min(d, math.MaxInt64-maxSlack) // leave room for the slack
	for {
		known := b.timer.Load()
		w := b.load() // after the timer, as in start
		if w.Phase() == word.Cooling {
			current := known != nil && known.current(w)
			if current && !known.until.Before(b.clock.now().Add(d)) {
				return
			}
			if !current || !known.armed {
				// The goroutine that opened the breaker has not armed its timer yet, so the length
				// of this period is unknown. That goroutine will find the demand.
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
		// Bind the event to the period of w. If the breaker has left that period, the event is
		// void.
		now.Bound, now.Generation = true, w.Generation()
		old, _ := b.post(w, now, detail{hold: held(d), err: err})
		if old.Generation() == w.Generation() {
			return
		}
	}
}

// demand makes the goroutine that opened the breaker in w arm a timer of at least d. It returns
// false if known is no longer the newest timer of the breaker.
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
// its recovery timeout is running. Use it for a Retry-After header or a log line; it reserves
// nothing. Unlike the other queries it reads the clock. Between an opening and the start of its
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
