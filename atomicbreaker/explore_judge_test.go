// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"github.com/sinkguard/go-atomicbreaker/internal/explore"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// outcome is what one interleaving left behind.
type outcome struct {
	threads [][]event // in the order of each thread
	state   model.State
	told    []model.Transition // what the hook was told, in the order of its calls

	// failed are the positions that led nowhere, for long programs, which can come to the same one on many ways; nil: few
	// events, where remembering costs more than trying again.
	failed map[position]bool
}

// position is a step of the search for an order.
type position struct {
	state model.State
	told  int                        // transitions accounted for
	done  [explore.MaxThreads]int    // events of each thread accounted for
	seats [explore.MaxThreads]uint32 // see judged
}

// explains reports whether the events, one after the other in some order that keeps each thread's own and lets no event
// that ended before another began come after it, lead the model from start to the same answers, the same state, and the
// same transitions in the same order.
func (o *outcome) explains(c model.Config, start model.State) bool {
	clear(o.failed)
	return o.from(c, position{state: start})
}

// from tries each event that could be next.
func (o *outcome) from(c model.Config, at position) bool {
	if o.failed[at] {
		return false
	}
	left := false
	for i, events := range o.threads {
		if at.done[i] == len(events) {
			continue
		}
		left = true
		e, next := events[at.done[i]], at
		if o.overtakes(e, i, at.done) {
			continue
		}
		if e.either && at.state.Phase == model.Cooling {
			idle := at
			idle.done[i]++
			if o.from(c, idle) {
				return true
			}
		}
		m := model.At(c, at.state)
		if e.model(m, &next.seats[i]) != e.answer || !o.match(&next.told, m.Transitions()) {
			continue
		}
		next.state = m.State()
		next.done[i]++
		if o.from(c, next) {
			return true
		}
	}
	if !left && at.state == o.state && at.told == len(o.told) {
		return true
	}
	if o.failed != nil {
		o.failed[at] = true
	}
	return false
}

// overtakes reports whether another thread's next event ended before e began.
func (o *outcome) overtakes(e event, thread int, done [explore.MaxThreads]int) bool {
	for i, events := range o.threads {
		if i != thread && done[i] < len(events) && events[done[i]].last < e.first {
			return true
		}
	}
	return false
}

// match compares the next of the told transitions with made, and counts them.
func (o *outcome) match(told *int, made []model.Transition) bool {
	for _, t := range made {
		if *told == len(o.told) || o.told[*told] != t {
			return false
		}
		*told++
	}
	return true
}
