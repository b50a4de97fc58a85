// SPDX-License-Identifier: Apache-2.0

package history

import (
	"math"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// Whether TripFor, or a report that says how long to wait, extends a cooling breaker depends on when the open period
// ends. A history has no clock and the searched state no deadline, so the judge accepts both: nothing, and a new open
// period. Either must fit the rest of the history and the transitions that the hook received.
//
// An operation that opened the breaker may make a second transition before it returns: when it finds that another call
// has meanwhile started a newer open period that ends earlier than its own, it extends that one. Other operations can
// take effect between the two transitions, so the search has the second one as an operation of its own, an Extension,
// which may also do nothing.
//
// So a breaker that shortens an open period passes here, and so does one that extends a period that is long enough, or
// its own. Tests that make one call after the other compare it with the model's deadlines, which are exact then.

// anyWait is a time to wait: the model's deadlines are set so that it matters only that it is more than 0.
const anyWait = time.Hour

// models returns the breakers that s can stand for when o takes effect: one, or two where a deadline decides what o does,
// of which the first cools longer than any wait.
func (h *History) models(s state, o *Operation) []*model.Model {
	if s.breaker.Phase == model.Cooling && o.extends() {
		return []*model.Model{model.AtCooling(h.Config, s.breaker, math.MaxInt64), model.At(h.Config, s.breaker)}
	}
	return []*model.Model{model.At(h.Config, s.breaker)}
}

// extends reports whether o starts a new period of an open breaker that would be due too early.
func (o *Operation) extends() bool {
	switch o.Kind {
	case TripFor, FailureRetryAfter, DoFailureRetryAfter:
		return !o.Spent
	default:
		return false
	}
}

// opens reports whether o can start a cooling.
func (o *Operation) opens() bool {
	switch o.Kind {
	case Failure, DoFailure, RecordFailure, Elapsed, Trip:
		return !o.Spent
	default:
		return o.extends()
	}
}

// extended reports whether the transition to a generation can be one that an Extension made: the second of two open
// periods in a row, of which another call started the first.
func (h *History) extended(generation uint32) bool {
	i := h.since(generation) - 1
	return 1 <= i && i < len(h.Told) && h.Told[i].From == "open" && h.Told[i].To == "open" && h.Told[i-1].Cause == causeTripped
}

const causeTripped = "tripped"

// extensions returns the extensions that may have been made. An operation that opens the breaker gets one for each
// operation of another goroutine that overlaps it and may have started a shorter period. Histories without two such
// periods in a row, which is nearly all of them, have none, so the search is no slower there.
func (h *History) extensions() []*Operation {
	most := 0
	for _, t := range h.Told {
		if h.extended(t.Generation) {
			most++
		}
	}
	var made []*Operation
	for i := 0; most > 0 && i < len(h.Operations); i++ {
		a := &h.Operations[i]
		if !a.opens() {
			continue
		}
		n := 0
		for j := range h.Operations {
			b := &h.Operations[j]
			if n < most && b.extends() && a.Thread != b.Thread && a.Call <= b.Return && b.Call <= a.Return {
				made = append(made, &Operation{Kind: Extension, Thread: a.Thread, Call: a.Call, Return: a.Return})
				n++
			}
		}
	}
	return made
}

// retryLater is the model's report of a failure that says how long to wait.
func retryLater(m *model.Model) func(generation uint32) {
	return func(generation uint32) { m.FailureRetryAfter(generation, anyWait) }
}
