// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/history"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// strict trips at the first failure, admits one probe, and closes when it succeeds.
var strict = model.Config{
	FailureThreshold: 1, HalfOpenMaxCalls: 1, SuccessThreshold: 1, RecoveryTimeout: time.Hour, ProbeTimeout: time.Hour,
}

func in(phase model.Phase, generation uint32) model.State {
	return model.State{Phase: phase, Generation: generation}
}

// TestJudge_Explains requires that the error is enough to understand the failure without running it
// again.
func TestJudge_Explains(t *testing.T) {
	h := &history.History{
		Why: "made up", Seed: 4711, Config: strict, Final: in(model.Cooling, 1),
		Program: &history.Program{
			Config: strict, Permits: []int{0},
			Threads: [][]history.Step{
				{{Op: history.Trip, Alias: true}, {Op: history.Elapsed, Offset: -1, Successes: 2}},
				{{Op: history.Do, End: history.Fails, Body: []history.Step{{Op: history.Success, Permit: 1}}}},
			},
		},
		Operations: []history.Operation{
			{Thread: 0, Call: 0, Return: 10, Kind: history.Trip},
			{Thread: 1, Call: 20, Return: 30, Kind: history.Allow, OK: true},
		},
		Received: []model.Transition{{From: "closed", To: "open", Generation: 1, Cause: "tripped"}},
	}
	err := history.Judge(h, time.Minute)
	require.ErrorIs(t, err, history.ErrRejected)
	for _, part := range []string{
		"made up", "seed 4711", "goroutine 0: trip (alias); elapsed generation -1, successes 2",
		"goroutine 1: do {success permit -2} fails", "no order of the operations fits the model",
		"-> {cooling, generation 1", "left over:\n      20..30           1: allow = true", "From:closed To:open", "final cooling",
	} {
		assert.ErrorContains(t, err, part)
	}

	h.Operations[1].OK = false
	require.NoError(t, history.Judge(h, time.Minute))

	h.Received[0].Cause = "forced"
	assert.ErrorContains(t, history.Judge(h, time.Minute), "but not with the received transitions")
	h.Received[0].Generation = 2
	assert.ErrorContains(t, history.Judge(h, time.Minute), "was received with generation 2: want 1")
	h.Received = nil
	assert.ErrorContains(t, history.Judge(h, time.Minute), "1 transitions were made (generation 0 to 1) and 0 were received")
}

// TestJudge_Undecided requires that a search that gives up does not accept. If everything overlaps,
// there are too many orders to try.
func TestJudge_Undecided(t *testing.T) {
	h := &history.History{Config: strict, Final: model.State{Failures: 999}} // never reached
	h.Config.FailureThreshold = 1000
	for i := range 400 {
		kinds := []history.Kind{history.RecordFailure, history.RecordSuccess}
		h.Operations = append(h.Operations, history.Operation{Thread: i % history.MaxThreads, Kind: kinds[i%2]})
	}
	err := history.Judge(h, 20*time.Millisecond)
	assert.ErrorIs(t, err, history.ErrUndecided)
	assert.NotErrorIs(t, err, history.ErrRejected)
}

// TestJudge_Answers changes the answer of one operation at a time, to show that the judge compares
// it.
func TestJudge_Answers(t *testing.T) {
	halfOpen := model.State{Phase: model.HalfOpen, Generation: 3, Calls: 1}
	for _, r := range []struct {
		name   string
		start  model.State
		right  history.Operation
		wrongs []history.Operation
	}{
		{
			"allow", in(model.Cooling, 3),
			history.Operation{Kind: history.Allow},
			[]history.Operation{{Kind: history.Allow, OK: true}},
		},
		{
			"try_acquire", in(model.ForcedClosed, 3),
			history.Operation{Kind: history.TryAcquire, OK: true, Given: 3},
			[]history.Operation{{Kind: history.TryAcquire}, {Kind: history.TryAcquire, OK: true, Given: 2}},
		},
		{
			"do_admit", halfOpen,
			history.Operation{Kind: history.DoAdmit, Verdict: model.RejectedProbes},
			[]history.Operation{
				{Kind: history.DoAdmit, Verdict: model.RejectedOpen}, {Kind: history.DoAdmit, Verdict: model.Admitted},
			},
		},
		{
			"state", halfOpen,
			history.Operation{Kind: history.State, Public: "half_open"},
			[]history.Operation{{Kind: history.State, Public: "open"}},
		},
		{
			"snapshot", halfOpen,
			history.Operation{Kind: history.Snapshot, State: halfOpen},
			[]history.Operation{{Kind: history.Snapshot, State: in(model.HalfOpen, 3)}},
		},
		{
			"retry_after", in(model.Cooling, 3),
			history.Operation{Kind: history.RetryAfter, OK: true},
			[]history.Operation{{Kind: history.RetryAfter}},
		},
		{
			"no retry_after", in(model.Due, 3),
			history.Operation{Kind: history.RetryAfter},
			[]history.Operation{{Kind: history.RetryAfter, OK: true}},
		},
		{
			"a spent permit", halfOpen,
			history.Operation{Kind: history.Cancel, Generation: 3, Spent: true},
			[]history.Operation{{Kind: history.Cancel, Generation: 3}, {Kind: history.RecordSuccess}, {Kind: history.Trip}},
		},
		{
			"a spent permit's time to wait", halfOpen,
			history.Operation{Kind: history.FailureRetryAfter, Generation: 3, Spent: true},
			[]history.Operation{{Kind: history.FailureRetryAfter, Generation: 3}},
		},
		{
			"an old permit's time to wait", in(model.Closed, 3),
			history.Operation{Kind: history.FailureRetryAfter, Generation: 2},
			[]history.Operation{{Kind: history.FailureRetryAfter, Generation: 3}},
		},
		{
			"an old permit", halfOpen,
			history.Operation{Kind: history.Failure, Generation: 2},
			[]history.Operation{{Kind: history.Failure, Generation: 3}, {Kind: history.Success, Generation: 3}},
		},
		{
			"an old timer", halfOpen,
			history.Operation{Kind: history.Elapsed, Generation: 2},
			[]history.Operation{{Kind: history.Elapsed, Generation: 3}, {Kind: history.RecordFailure}, {Kind: history.Reset}},
		},
		{
			"a timer of other successes", halfOpen,
			history.Operation{Kind: history.Elapsed, Generation: 3, Successes: 1},
			[]history.Operation{{Kind: history.TripFor}, {Kind: history.ForceOpen}, {Kind: history.ForceClosed}},
		},
	} {
		judge := func(o history.Operation) error {
			h := &history.History{Config: strict, Start: r.start, Final: r.start, Operations: []history.Operation{o}}
			return history.Judge(h, time.Minute)
		}
		assert.NoError(t, judge(r.right), r.name)
		for _, wrong := range r.wrongs {
			assert.ErrorIs(t, judge(wrong), history.ErrRejected, "%s: %s", r.name, wrong.Describe())
		}
	}
}

// TestJudge_Do requires that the report of a call through Do counts in the generation that admitted
// it, which only the search knows.
func TestJudge_Do(t *testing.T) {
	admitted := history.Operation{Call: 0, Return: 10, Kind: history.DoAdmit, Verdict: model.Admitted}
	reset := history.Operation{Thread: 1, Call: 11, Return: 20, Kind: history.Reset}
	for kind, want := range map[history.Kind]model.State{
		history.DoSuccess:           {Phase: model.Closed, Generation: 5, Attempt: 1},
		history.DoFailure:           {Phase: model.Cooling, Generation: 5, Attempt: 1},
		history.DoFailureRetryAfter: {Phase: model.Cooling, Generation: 5, Attempt: 1},
		history.DoCancel:            {Phase: model.HalfOpen, Generation: 4},
	} {
		report := history.Operation{Call: 30, Return: 40, Kind: kind}
		received := []model.Transition{
			{From: "open", To: "half_open", Generation: 4, Cause: "probe_admitted"},
			{From: "half_open", To: want.Phase.Public(), Generation: 5, Attempt: 1, Cause: map[history.Kind]string{
				history.DoSuccess: "probe_succeeded", history.DoFailure: "probe_failed", history.DoFailureRetryAfter: "tripped",
			}[kind]},
		}
		h := &history.History{
			Config: strict, Start: in(model.Due, 3), Final: want, Received: received[:want.Generation-3],
			Operations: []history.Operation{admitted, report},
		}
		assert.NoError(t, history.Judge(h, time.Minute), kind)

		h.Operations = []history.Operation{admitted, reset, report}
		assert.ErrorIs(t, history.Judge(h, time.Minute), history.ErrRejected, kind)
		h.Final = in(model.Closed, 5)
		h.Received = []model.Transition{received[0], {From: "half_open", To: "closed", Generation: 5, Cause: "reset"}}
		assert.NoError(t, history.Judge(h, time.Minute), kind)
	}
}
