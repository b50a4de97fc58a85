// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"fmt"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// timers lets the timers of an explored breaker fire, on virtual time. Every access to Breaker.timer and
// to what it points at is a switch point then, beside those to the word; the publishing queue has
// its own exploration.
type timers struct {
	x       *explorer
	clock   *virtualTime
	records []*periodTimer // all that were installed in this run
	makers  []uint64       // for each record, the thread that installed it and its number there
	start   word.Word
}

// newTimedExplorer returns an explorer in whose runs up to fires timers fire.
func newTimedExplorer(c model.Config, threads, fires int) *explorer {
	x := newExplorer(c, threads+fires)
	v := &virtualTime{}
	t := &timers{x: x, clock: v}
	x.timed, x.b.clock = t, clock{virtual: v}
	x.s.clock, x.s.spare, x.s.expire = v, fires, t.expire
	x.s.own, v.saw, x.b.word.saw = true, x.s.saw, x.s.saw
	x.b.timer.seam = seam{x.s.before, x.s.saw}
	x.b.timer.hash = t.identity
	x.b.timer.swapped = func(r *periodTimer) {
		r.timer.seam, r.fired.seam = x.b.timer.seam, x.b.timer.seam
		r.timer.hash = (*runtimeTimer).hash
		maker := uint64(slices.Index(x.s.threads, x.s.running)+1) << 8
		for slices.Contains(t.makers, maker) {
			maker++
		}
		t.records, t.makers = append(t.records, r), append(t.makers, maker)
	}
	return x
}

// begin lets the period of w have the timer that it would have if the breaker had come there by itself.
func (t *timers) begin(w word.Word) {
	b := t.x.b
	t.start, t.records, t.makers = w, t.records[:0], t.makers[:0]
	t.clock.now, t.clock.timers = 0, nil
	b.timer.value = nil
	switch {
	case w.Phase() == word.Cooling:
		b.start(b.timing.recovery, w)
	case w.Phase() == word.HalfOpen && w.Calls() > 0:
		b.start(b.timing.probe, w)
	case w.Phase() == word.Closed && w.Attempt() > 0:
		b.start(b.timing.stable(), w)
	}
}

// expire returns what the thread of a timer that fires does.
func (t *timers) expire(timer *runtimeTimer) func() {
	return func() {
		c := t.x.callers[slices.Index(t.x.s.threads, t.x.s.running)]
		e := timer.period.event
		timer.period.expire(timer.owner)
		c.told(answer{}, func(m *model.Model, _ *uint32) answer {
			m.Elapsed(e.Generation, int(e.Successes))
			return answer{}
		})
	}
}

// wrong reports what is wrong with the timers when every call has returned. Some timer may still be
// pending; none has to fire.
func (t *timers) wrong(o *outcome) error {
	w, installed, pending := word.Word(t.x.b.word.value), t.x.b.timer.value, t.clock.timers
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
	case len(pending) > 1:
		return fmt.Errorf("%d timers are pending: %v", len(pending), pending)
	case len(pending) == 1 && pending[0].period != installed:
		return fmt.Errorf("a timer is pending that nobody knows: %v", pending[0])
	case !waits:
		return nil
	case len(pending) == 0 || !installed.current(w):
		return fmt.Errorf("nothing will end this period: %+v", stateOf(w))
	case w.Phase() != word.Cooling:
		return nil
	case epoch.Add(pending[0].deadline).Before(installed.until):
		return fmt.Errorf("the timer is early: %v, for %v", pending[0].deadline, installed.until.Sub(epoch))
	}
	return t.shortened(o, w, installed.until)
}

// shortened reports a demand of the running outage, which has made the breaker cool in w until then,
// that ends later.
func (t *timers) shortened(o *outcome, w word.Word, until time.Time) error {
	began, onlyOpened := t.start.Generation(), true
	for _, made := range o.told {
		if made.From != "open" {
			began = made.Generation
		}
		onlyOpened = onlyOpened && made.To == "open"
	}
	length := (w.Generation() - began) & word.MaxGeneration
	for _, r := range t.records {
		age := (r.event.Generation - began) & word.MaxGeneration
		if age <= length && r.until.After(until) {
			return fmt.Errorf("open until %v, and in generation %d until %v was asked for",
				until.Sub(epoch), r.event.Generation, r.until.Sub(epoch))
		}
	}
	if !onlyOpened {
		return nil
	}
	for _, events := range o.threads {
		for _, e := range events {
			if e.until.After(until) {
				return fmt.Errorf("open until %v, and TripFor asked for %v", until.Sub(epoch), e.until.Sub(epoch))
			}
		}
	}
	return nil
}

// mixTimers adds to h what the threads share of the timers.
func (x *explorer) mixTimers(h uint64) uint64 {
	t, installed := x.timed, x.b.timer.value
	if t == nil {
		if installed != nil {
			h = mix(h, installed.hash())
		}
		return h
	}
	h = mix(h, uint64(t.clock.now))
	if installed != nil {
		h = mix(h, t.identity(installed))
	}
	var all uint64
	for i, r := range t.records { // also those that a thread still holds; in any order
		one := mix(t.makers[i], r.hash())
		if r.timer.value != nil {
			one = mix(one, 1)
		}
		all += mix(one, uint64(r.fired.value))
	}
	for _, timer := range t.clock.timers {
		all = mix(all, timer.hash())
	}
	return mix(h, all)
}

// identity hashes which record r is.
func (t *timers) identity(r *periodTimer) uint64 {
	return mix(t.makers[slices.Index(t.records, r)], r.hash())
}

// hash hashes what of a record never changes.
func (t *periodTimer) hash() uint64 {
	h := mix(uint64(t.event.Generation)<<8|uint64(t.event.Successes), uint64(t.until.Sub(epoch)))
	if t.armed {
		h = mix(h, 1)
	}
	return h
}

func (t *runtimeTimer) hash() uint64 {
	return mix(uint64(t.period.event.Generation)<<8|uint64(t.period.event.Successes), uint64(t.deadline))
}

func (t *runtimeTimer) String() string {
	return fmt.Sprintf("generation %d, successes %d, at %v", t.period.event.Generation, t.period.event.Successes, t.deadline)
}
