// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/internal/history"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// newPeriod is the transition from one open period to the next.
func newPeriod(generation uint32) model.Transition {
	return model.Transition{From: "open", To: "open", Generation: generation, Cause: "tripped"}
}

// oneByOne gives operations intervals that follow one another.
func oneByOne(operations ...history.Operation) []history.Operation {
	for i := range operations {
		operations[i].Call, operations[i].Return = int64(10*i), int64(10*i+5)
	}
	return operations
}

// judged returns the verdict on a breaker that started in start, performed operations and published
// received.
func judged(start, final model.State, received []model.Transition, operations ...history.Operation) error {
	h := &history.History{Config: strict, Start: start, Final: final, Received: received, Operations: operations}
	return history.Judge(h, time.Minute)
}

// The judge has no deadlines: a cooling breaker that is asked to wait may start a new open period,
// or not.
func TestJudge_EitherWay(t *testing.T) {
	admitted := history.Operation{Kind: history.DoAdmit, Verdict: model.Admitted}
	for _, o := range []history.Operation{
		{Kind: history.TripFor},
		{Kind: history.FailureRetryAfter, Generation: 2},
		{Kind: history.FailureRetryAfter, Generation: 3},
		{Kind: history.DoFailureRetryAfter},
	} {
		t.Run(o.Describe(), func(t *testing.T) {
			start, began := in(model.Closed, 2), []model.Transition{{From: "closed", To: "open", Generation: 3, Cause: "tripped"}}
			before := []history.Operation{admitted, {Kind: history.Trip}} // DoFailureRetryAfter needs an admission
			do := func(final model.State, received ...model.Transition) error {
				return judged(start, final, append(began, received...), oneByOne(append(before, o)...)...)
			}
			assert.NoError(t, do(in(model.Cooling, 3)))
			assert.NoError(t, do(in(model.Cooling, 4), newPeriod(4)))
			assert.ErrorIs(t, do(in(model.Due, 4), newPeriod(4)), history.ErrRejected, "due after a wait")
			assert.ErrorIs(t, do(in(model.Cooling, 5), newPeriod(4), newPeriod(5)), history.ErrRejected, "two periods for one call")
			forced := newPeriod(4)
			forced.Cause = "forced"
			assert.ErrorIs(t, do(in(model.Cooling, 4), forced), history.ErrRejected, "cause")

			before = append(before, history.Operation{Kind: history.Elapsed, Generation: 3})
			assert.NoError(t, do(in(model.Cooling, 4), newPeriod(4)), "due")
			assert.ErrorIs(t, do(in(model.Due, 3)), history.ErrRejected, "a due breaker ignored a wait")
		})
	}
}

// The choice is made once, in the order of the calls. A snapshot between the calls reveals it.
func TestJudge_EitherWayIsSeen(t *testing.T) {
	first := history.Operation{Call: 0, Return: 10, Kind: history.TripFor}
	second := history.Operation{Call: 40, Return: 50, Kind: history.TripFor}
	final, received := in(model.Cooling, 4), []model.Transition{newPeriod(4)}
	for generation := range uint32(6) {
		seen := history.Operation{Call: 20, Return: 30, Kind: history.Snapshot, State: in(model.Cooling, generation)}
		err := judged(in(model.Cooling, 3), final, received, first, seen, second)
		if generation == 3 || generation == 4 {
			assert.NoError(t, err, "generation %d", generation)
		} else {
			assert.ErrorIs(t, err, history.ErrRejected, "generation %d", generation)
		}
	}
	spent := history.Operation{Call: 40, Return: 50, Kind: history.FailureRetryAfter, Generation: 3, Spent: true}
	assert.ErrorIs(t, judged(in(model.Cooling, 3), final, received, spent), history.ErrRejected, "a spent permit extended the period")
}

// An operation that opened the breaker makes no second transition, even if another call starts an
// open period before it returns.
func TestJudge_OpenerMakesOneTransition(t *testing.T) {
	for _, opener := range []history.Operation{
		{Kind: history.RecordFailure},
		{Kind: history.Failure, Generation: 2},
		{Kind: history.FailureRetryAfter, Generation: 2},
		{Kind: history.Trip},
		{Kind: history.TripFor},
	} {
		t.Run(opener.Describe(), func(t *testing.T) {
			opener.Call, opener.Return = 0, 100
			opened := model.Transition{From: "closed", To: "open", Generation: 3, Cause: "tripped"}
			if opener.Kind == history.RecordFailure || opener.Kind == history.Failure {
				opened.Cause, opened.Failures = "failure_threshold", 1
			}
			state := func(generation uint32) model.State {
				s := in(model.Cooling, generation)
				s.Failures = opened.Failures
				return s
			}
			period := func(generation uint32) model.Transition {
				p := newPeriod(generation)
				p.Failures = opened.Failures
				return p
			}
			look := func(at int64, generation uint32) history.Operation {
				return history.Operation{Thread: 1, Call: at, Return: at + 5, Kind: history.Snapshot, State: state(generation)}
			}
			do := func(final uint32, operations ...history.Operation) error {
				received := []model.Transition{opened, period(4), period(5), period(6)}
				return judged(in(model.Closed, 2), state(final), received[:final-2], append(operations, opener)...)
			}
			tripFor := history.Operation{Thread: 1, Call: 30, Return: 40, Kind: history.TripFor}
			assert.NoError(t, do(3, look(20, 3), tripFor, look(50, 3)), "the wait is covered")
			assert.NoError(t, do(4, look(20, 3), tripFor, look(50, 4)), "the wait extends the period")
			assert.ErrorIs(t, do(5, look(20, 3), tripFor, look(50, 4)), history.ErrRejected, "more periods than calls")
			assert.ErrorIs(t, do(5, look(20, 3), tripFor, look(50, 4), look(60, 5)), history.ErrRejected, "more periods than calls, and seen")

			again := history.Operation{Thread: 1, Call: 60, Return: 70, Kind: history.TripFor}
			assert.NoError(t, do(5, look(20, 3), tripFor, look(50, 4), again))
			assert.ErrorIs(t, do(6, look(20, 3), tripFor, again), history.ErrRejected, "more periods than calls")
		})
	}
}
