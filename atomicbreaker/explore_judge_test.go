// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"github.com/sinkguard/go-atomicbreaker/internal/explore"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// outcome is the result of one interleaving.
type outcome struct {
	threads  [][]event // in the order of each thread
	state    model.State
	received []model.Transition // received by the hook, in the order of its calls

	// failed holds the positions from which no order was found. Long programs reach the same
	// position in many ways. It is nil for few events, where a lookup costs more than another try.
	failed map[position]bool
}

// position is a step of the search for an order.
type position struct {
	state    model.State
	received int                        // transitions accounted for
	done     [explore.MaxThreads]int    // events of each thread accounted for
	seats    [explore.MaxThreads]uint32 // see judged
}

// explains reports whether some order of the events leads the model from start to the same answers,
// the same state, and the same transitions in the same order. The order keeps each thread's own
// order, and places no event before one that ended before it began.
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
		if e.model(m, &next.seats[i]) != e.answer || !o.match(&next.received, m.Transitions()) {
			continue
		}
		next.state = m.State()
		next.done[i]++
		if o.from(c, next) {
			return true
		}
	}
	if !left && at.state == o.state && at.received == len(o.received) {
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

// match compares the next received transitions with made, and counts them.
func (o *outcome) match(received *int, made []model.Transition) bool {
	for _, t := range made {
		if *received == len(o.received) || o.received[*received] != t {
			return false
		}
		*received++
	}
	return true
}
