// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"fmt"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/explore"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// timers lets the timers of an explored breaker fire, on virtual time. Accesses to Breaker.timer
// and to the record it points at are switch points, in addition to those to the word. The
// publishing queue is explored separately.
type timers struct {
	x        *explorer
	clock    *explore.Clock
	records  []*periodTimer // those installed in this run
	creators []uint64       // of each record: the thread that installed it, and its number in it
	at       []time.Time    // of each record: when it was installed
	early    error          // a timer that fired before its period was over
	start    word.Word
}

// newTimedExplorer returns an explorer in whose runs up to fires timers fire.
func newTimedExplorer(c model.Config, threads, fires int) *explorer {
	x := newExplorer(c, threads+fires)
	v := &explore.Clock{}
	t := &timers{x: x, clock: v}
	x.timed, x.b.clock = t, clock{virtual: v}
	x.s.Clock, x.s.Spare, x.s.Expire = v, fires, t.expire
	x.s.Own, v.Saw, x.b.word.Saw = true, x.s.Saw, x.s.Saw
	x.b.timer.Seam = explore.Seam{Before: x.s.Point, Saw: x.s.Saw}
	x.b.timer.Hash = t.identity
	x.b.timer.Swapped = func(r *periodTimer) {
		r.timer.Seam, r.fired.Seam = x.b.timer.Seam, x.b.timer.Seam
		r.timer.Hash = func(timer *runtimeTimer) uint64 { return timer.Hash }
		creator := uint64(slices.Index(x.s.Threads(), x.s.Running())+1) << 8
		for slices.Contains(t.creators, creator) {
			creator++
		}
		t.records, t.creators = append(t.records, r), append(t.creators, creator)
		t.at = append(t.at, epoch.Add(v.Now))
	}
	return x
}

// begin starts the timer that the period of w would have if calls had led the breaker there.
func (t *timers) begin(w word.Word) {
	b := t.x.b
	t.start, t.records, t.creators, t.at, t.early = w, t.records[:0], t.creators[:0], t.at[:0], nil
	t.clock.Now, t.clock.Pending = 0, nil
	b.timer.Value = nil
	switch {
	case w.Phase() == word.Cooling:
		b.start(b.timing.recovery, w)
	case w.Phase() == word.HalfOpen && w.Calls() > 0:
		b.start(b.timing.probe, w)
	case w.Phase() == word.Closed && w.Attempt() > 0:
		b.start(b.timing.stable(), w)
	}
}

// expire returns the body of the thread that runs an expired timer.
func (t *timers) expire(timer *runtimeTimer) func() {
	return func() {
		c := t.x.callers[slices.Index(t.x.s.Threads(), t.x.s.Running())]
		armed := timer.Of.(armedTimer)
		e, w := armed.period.event, word.Word(t.x.b.word.Value)
		if asked := t.demanded(e.Generation); armed.period.current(w) && asked.After(epoch.Add(t.clock.Now)) {
			t.early = fmt.Errorf("generation %d ended at %v, want no earlier than %v", e.Generation, t.clock.Now, asked.Sub(epoch))
		}
		armed.period.expire(armed.owner)
		c.answered(answer{}, func(m *model.Model, _ *uint32) answer {
			m.Elapsed(e.Generation, int(e.Successes))
			return answer{}
		})
	}
}

// wrong reports what is wrong with the timers when every call has returned. A timer may still be
// pending; none has to fire.
func (t *timers) wrong(o *outcome) error {
	w, installed, pending := word.Word(t.x.b.word.Value), t.x.b.timer.Value, t.clock.Pending
	waits := false
	switch w.Phase() {
	case word.Cooling:
		waits = true
	case word.HalfOpen:
		waits = int(w.Calls()) == t.x.config.HalfOpenMaxCalls && t.x.config.ProbeTimeout > 0
	case word.Closed:
		waits = w.Attempt() > 0
	default:
	}
	switch {
	case t.early != nil:
		return t.early
	case len(pending) > 1:
		return fmt.Errorf("%d timers are pending, want at most 1", len(pending))
	case len(pending) == 1 && periodOf(pending[0]) != installed:
		return fmt.Errorf("an unknown timer is pending: %+v at %v", periodOf(pending[0]).event, pending[0].Deadline)
	case waits && (len(pending) == 0 || !installed.current(w)):
		return fmt.Errorf("no timer will end this period: %+v", stateOf(w))
	case len(pending) == 1 && epoch.Add(pending[0].Deadline).Before(installed.until):
		return fmt.Errorf("the timer fires at %v, before the deadline %v", pending[0].Deadline, installed.until.Sub(epoch))
	case !waits:
		return nil
	}
	if longest := t.longest(o, w); installed.until.After(longest) {
		return fmt.Errorf("open until %v, want no later than %v", installed.until.Sub(epoch), longest.Sub(epoch))
	}
	if w.Phase() != word.Cooling {
		return nil
	}
	return t.shortened(o, w, installed.until)
}

// demanded returns the latest deadline that was requested in a generation.
func (t *timers) demanded(generation uint32) (latest time.Time) {
	for _, r := range t.records {
		if r.event.Generation == generation && r.until.After(latest) {
			latest = r.until
		}
	}
	return latest
}

// longest returns the latest deadline that the timer of w may have: the duration of the period from
// the moment the timer was installed, or a later demand in the same period.
func (t *timers) longest(o *outcome, w word.Word) (latest time.Time) {
	timing := &t.x.b.timing
	var lasts time.Duration
	switch w.Phase() {
	case word.Closed:
		lasts = timing.stable()
	case word.HalfOpen:
		lasts = timing.probe
	default:
		lasts = timing.recovery
		if n := len(o.received); n > 0 && o.received[n-1].Cause == CauseTripped.String() {
			lasts = max(lasts, held(tripForTime))
		}
	}
	for i, r := range t.records {
		switch {
		case !r.current(w):
		case r.armed:
			latest = later(latest, t.at[i].Add(lasts))
		default:
			latest = later(latest, r.until)
		}
	}
	return latest
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// shortened returns an error if the breaker, cooling in w until the given time, ends before a
// demand of the running outage.
func (t *timers) shortened(o *outcome, w word.Word, until time.Time) error {
	began, onlyOpened := t.start.Generation(), true
	for _, made := range o.received {
		if made.From != "open" {
			began = made.Generation
		}
		onlyOpened = onlyOpened && made.To == "open"
	}
	length := (w.Generation() - began) & word.MaxGeneration
	for _, r := range t.records {
		age := (r.event.Generation - began) & word.MaxGeneration
		if age <= length && r.until.After(until) {
			return fmt.Errorf("open until %v, but generation %d demanded %v",
				until.Sub(epoch), r.event.Generation, r.until.Sub(epoch))
		}
	}
	if !onlyOpened {
		return nil
	}
	for _, events := range o.threads {
		for _, e := range events {
			if e.until.After(until) {
				return fmt.Errorf("open until %v, but TripFor demanded %v", until.Sub(epoch), e.until.Sub(epoch))
			}
		}
	}
	return nil
}

// mixTimers adds to h the shared state of the timers.
func (x *explorer) mixTimers(h uint64) uint64 {
	t, installed := x.timed, x.b.timer.Value
	if t == nil {
		if installed != nil {
			h = explore.Mix(h, installed.hash())
		}
		return h
	}
	h = explore.Mix(h, uint64(t.clock.Now))
	if installed != nil {
		h = explore.Mix(h, t.identity(installed))
	}
	var all uint64
	for i, r := range t.records { // also the records that a thread still holds; in any order
		one := explore.Mix(t.creators[i], r.hash())
		if r.timer.Value != nil {
			one = explore.Mix(one, 1)
		}
		all += explore.Mix(one, uint64(r.fired.Value))
	}
	for _, timer := range t.clock.Pending {
		all = explore.Mix(explore.Mix(all, timer.Hash), t.identity(periodOf(timer)))
	}
	return explore.Mix(h, all)
}

// identity hashes which record r is.
func (t *timers) identity(r *periodTimer) uint64 {
	return explore.Mix(t.creators[slices.Index(t.records, r)], r.hash())
}

// hash hashes the fields of a record that never change.
func (t *periodTimer) hash() uint64 {
	h := explore.Mix(uint64(t.event.Generation)<<8|uint64(t.event.Successes), uint64(t.until.Sub(epoch)))
	if t.armed {
		h = explore.Mix(h, 1)
	}
	return h
}

func periodOf(timer *runtimeTimer) *periodTimer { return timer.Of.(armedTimer).period }
