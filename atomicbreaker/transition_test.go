// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

var stateNames = map[atomicbreaker.State]string{
	atomicbreaker.Closed: "closed", atomicbreaker.Open: "open", atomicbreaker.HalfOpen: "half_open",
	atomicbreaker.ForcedOpen: "forced_open", atomicbreaker.ForcedClosed: "forced_closed",
}

func TestState_Names(t *testing.T) {
	require.Len(t, stateNames, 5)
	for state, name := range stateNames {
		require.Equal(t, name, state.String())
	}
	require.Equal(t, "State(5)", atomicbreaker.State(5).String())
	require.Equal(t, "State(255)", atomicbreaker.State(255).String())
	require.Zero(t, atomicbreaker.Closed, "the zero State")
}

func TestState_TextRoundTrip(t *testing.T) {
	for state, name := range stateNames {
		text, err := state.MarshalText()
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		got := atomicbreaker.State(99)
		require.NoError(t, got.UnmarshalText(text))
		require.Equal(t, state, got)
	}

	record, err := json.Marshal(map[atomicbreaker.State]atomicbreaker.State{atomicbreaker.HalfOpen: atomicbreaker.Open})
	require.NoError(t, err)
	require.JSONEq(t, `{"half_open":"open"}`, string(record))
	var back map[atomicbreaker.State]atomicbreaker.State
	require.NoError(t, json.Unmarshal(record, &back))
	require.Equal(t, map[atomicbreaker.State]atomicbreaker.State{atomicbreaker.HalfOpen: atomicbreaker.Open}, back)
}

func TestState_TextErrors(t *testing.T) {
	for _, unknown := range []atomicbreaker.State{5, 6, 255} {
		text, err := unknown.MarshalText()
		require.ErrorContains(t, err, unknown.String()+": want 0..4")
		require.Empty(t, text)
	}
	for _, text := range []string{"", "Closed", "OPEN", "half-open", "halfopen", "open ", "State(5)", "0"} {
		state := atomicbreaker.ForcedOpen
		err := state.UnmarshalText([]byte(text))
		require.ErrorContains(t, err, `"`+text+`"`)
		require.ErrorContains(t, err, "half_open", "the error does not list the valid names")
		require.Equal(t, atomicbreaker.ForcedOpen, state, "left alone")
	}
}

var causeNames = map[atomicbreaker.Cause]string{
	atomicbreaker.CauseFailureThreshold: "failure_threshold", atomicbreaker.CauseProbeAdmitted: "probe_admitted",
	atomicbreaker.CauseProbeSucceeded: "probe_succeeded", atomicbreaker.CauseProbeFailed: "probe_failed",
	atomicbreaker.CauseProbeTimedOut: "probe_timed_out", atomicbreaker.CauseTripped: "tripped",
	atomicbreaker.CauseReset: "reset", atomicbreaker.CauseForced: "forced",
}

func TestCause_Names(t *testing.T) {
	require.Len(t, causeNames, 8)
	for cause, name := range causeNames {
		require.Equal(t, name, cause.String())
	}
	require.Equal(t, "Cause(8)", atomicbreaker.Cause(8).String())
	require.Equal(t, "Cause(255)", atomicbreaker.Cause(255).String())
}

func TestCause_TextRoundTrip(t *testing.T) {
	for cause, name := range causeNames {
		text, err := cause.MarshalText()
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		got := atomicbreaker.Cause(99)
		require.NoError(t, got.UnmarshalText(text))
		require.Equal(t, cause, got)
	}

	record, err := json.Marshal(atomicbreaker.Transition{To: atomicbreaker.Open, Cause: atomicbreaker.CauseTripped})
	require.NoError(t, err)
	require.Contains(t, string(record), `"Cause":"tripped"`)
}

func TestCause_TextErrors(t *testing.T) {
	for _, unknown := range []atomicbreaker.Cause{8, 9, 255} {
		text, err := unknown.MarshalText()
		require.ErrorContains(t, err, unknown.String()+": want 0..7")
		require.Empty(t, text)
	}
	for _, text := range []string{"", "Tripped", "FORCED", "probe-failed", "reset ", "Cause(8)", "5"} {
		cause := atomicbreaker.CauseReset
		err := cause.UnmarshalText([]byte(text))
		require.ErrorContains(t, err, `"`+text+`"`)
		require.ErrorContains(t, err, "probe_timed_out", "the error does not list the valid names")
		require.Equal(t, atomicbreaker.CauseReset, cause, "left alone")
	}
}

func TestOutcome_Names(t *testing.T) {
	for outcome, name := range map[atomicbreaker.Outcome]string{
		atomicbreaker.Success: "success", atomicbreaker.Failure: "failure", atomicbreaker.Ignore: "ignore",
		3: "Outcome(3)", 255: "Outcome(255)",
	} {
		require.Equal(t, name, outcome.String())
	}
}

// Each path from one state to another has its cause, and the transition matches the breaker's state
// after it.
func TestTransition_CauseOfEveryPath(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithHalfOpenMaxCalls(2))
	generation := uint32(0)
	allow := func() { _ = b.Allow() }
	elapse := func() { b.Elapsed(generation, 0) }
	due := func() { elapse(); allow() }
	twice := func() { b.RecordFailure(); b.RecordFailure() }
	for _, step := range []struct {
		call            func()
		to              atomicbreaker.State
		cause           atomicbreaker.Cause
		failed, attempt int
	}{
		{twice, atomicbreaker.Open, atomicbreaker.CauseFailureThreshold, 2, 0},
		{due, atomicbreaker.HalfOpen, atomicbreaker.CauseProbeAdmitted, 2, 0},
		{b.RecordFailure, atomicbreaker.Open, atomicbreaker.CauseProbeFailed, 2, 1},
		{due, atomicbreaker.HalfOpen, atomicbreaker.CauseProbeAdmitted, 2, 1},
		{elapse, atomicbreaker.Open, atomicbreaker.CauseProbeTimedOut, 2, 2},
		{due, atomicbreaker.HalfOpen, atomicbreaker.CauseProbeAdmitted, 2, 2},
		{b.Trip, atomicbreaker.Open, atomicbreaker.CauseTripped, 2, 2},
		{func() { b.TripFor(1 << 50) }, atomicbreaker.Open, atomicbreaker.CauseTripped, 2, 2},
		{due, atomicbreaker.HalfOpen, atomicbreaker.CauseProbeAdmitted, 2, 2},
		{b.RecordSuccess, atomicbreaker.Closed, atomicbreaker.CauseProbeSucceeded, 0, 3},
		{b.Trip, atomicbreaker.Open, atomicbreaker.CauseTripped, 0, 3},
		{b.Reset, atomicbreaker.Closed, atomicbreaker.CauseReset, 0, 0},
		{b.ForceOpen, atomicbreaker.ForcedOpen, atomicbreaker.CauseForced, 0, 0},
		{b.ForceClosed, atomicbreaker.ForcedClosed, atomicbreaker.CauseForced, 0, 0},
		{b.ForceOpen, atomicbreaker.ForcedOpen, atomicbreaker.CauseForced, 0, 0},
		{b.Reset, atomicbreaker.Closed, atomicbreaker.CauseReset, 0, 0},
	} {
		from, before := b.State(), time.Now()
		step.call()
		after := time.Now()
		generation++
		require.Equal(t, atomicbreaker.Transition{
			Name: "sink", From: from, To: step.to, Generation: generation, Cause: step.cause, Failures: step.failed,
			Attempt: step.attempt,
		}, undated(l.last())[0])
		require.WithinRange(t, l.last().At, before, after)
		s := b.Snapshot()
		require.Equal(t, step.to, s.State)
		require.Equal(t, step.failed, s.Failures)
		require.Equal(t, step.attempt, s.Attempt)
	}
	require.Len(t, l.all(), int(generation))
}

func TestSnapshot_OfAProbedBreaker(t *testing.T) {
	b, _ := kept(t, atomicbreaker.WithFailureThreshold(4), atomicbreaker.WithHalfOpenMaxCalls(3),
		atomicbreaker.WithSuccessThreshold(3))
	for range 4 {
		b.RecordFailure()
	}
	open := atomicbreaker.Snapshot{State: atomicbreaker.Open, Generation: 1, Failures: 4}
	require.Equal(t, open, b.Snapshot())
	b.Elapsed(1, 0)
	open.ProbeDue = true
	require.Equal(t, open, b.Snapshot())
	require.Equal(t, atomicbreaker.Open, b.State(), "left open without a call")
	for range 3 {
		require.True(t, b.Allow())
	}
	b.RecordSuccess()
	require.Equal(t, atomicbreaker.Snapshot{
		State: atomicbreaker.HalfOpen, Generation: 2, Failures: 4, HalfOpenCalls: 2, HalfOpenSuccesses: 1,
	}, b.Snapshot())
}
