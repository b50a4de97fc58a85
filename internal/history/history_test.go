// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/history"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// TestHistory_GoldenFiles requires that a golden file is exactly what Write produces, so that
// hand-edited files stay readable.
func TestHistory_GoldenFiles(t *testing.T) {
	names, err := filepath.Glob("../../testdata/histories/*/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var h history.History
		require.NoError(t, json.Unmarshal(text, &h), name)
		var again bytes.Buffer
		require.NoError(t, h.Write(&again))
		assert.Equal(t, string(text), again.String(), name)
	}
}

// TestHistory_RoundTrip covers every field and every kind of operation.
func TestHistory_RoundTrip(t *testing.T) {
	c := model.Config{
		FailureThreshold: 1, FailureWeight: 2, SuccessWeight: 3, RecoveryTimeout: 4, BackoffMax: 5, ProbeTimeout: 6,
		HalfOpenMaxCalls: 7, SuccessThreshold: 8,
	}
	s := model.State{Phase: model.HalfOpen, Generation: 1, Attempt: 2, Failures: 3, Calls: 4, Successes: 5}
	h := &history.History{
		Why: "all of it", Seed: 9, Config: c, Start: s, Final: in(model.ForcedClosed, 2),
		Received: []model.Transition{{From: "open", To: "closed", Generation: 1, Cause: "reset", Failures: 2, Attempt: 3}},
		Program: &history.Program{
			Config: c, Start: s, Permits: []int{-1, 1},
			Threads: [][]history.Step{{{
				Op: history.Do, Alias: true, Permit: 1, Offset: -1, Successes: -1, End: history.Panics,
				Body: []history.Step{{Op: history.Trip}},
			}}},
		},
	}
	for kind := range history.Word {
		o := history.Operation{Thread: 1, Call: int64(kind) * 10, Return: int64(kind)*10 + 5, Kind: kind}
		switch kind { //nolint:exhaustive // the others have no more fields
		case history.Do:
			continue
		case history.TryAcquire:
			o.OK, o.Given = true, 3
		case history.Cancel, history.FailureRetryAfter:
			o.Generation, o.Spent = 7, true
		case history.Elapsed:
			o.Generation, o.Successes = 7, 1
		case history.State:
			o.Public = "open"
		case history.Snapshot:
			o.State = s
		case history.DoAdmit:
			for thread, verdict := range []model.Verdict{model.RejectedOpen, model.RejectedProbes} {
				h.Operations = append(h.Operations, history.Operation{Thread: thread + 2, Kind: kind, Verdict: verdict})
			}
		case history.DoFailure, history.DoFailureRetryAfter, history.DoCancel:
			h.Operations = append(h.Operations, history.Operation{Thread: 1, Call: o.Call, Return: o.Call, Kind: history.DoAdmit})
		}
		h.Operations = append(h.Operations, o)
		assert.Contains(t, o.Describe(), kind.String())
	}
	text, err := json.Marshal(h)
	require.NoError(t, err)
	var again history.History
	require.NoError(t, json.Unmarshal(text, &again))
	assert.Equal(t, h, &again)
	assert.Equal(t, "Kind(255)", history.Kind(255).String())
}

// TestHistory_Malformed requires that a mistake in a golden file does not pass for a broken
// breaker.
func TestHistory_Malformed(t *testing.T) {
	const sound = `{"why": "", "config": {"failure_threshold": 1, "half_open_max_calls": 1, "success_threshold": 1,
		"recovery_timeout": "1h"}, "start": {"phase": "closed", "generation": 0}, "operations": [
		{"thread": 0, "call": 0, "return": 5, "op": "do_admit", "verdict": "admitted"},
		{"thread": 0, "call": 6, "return": 9, "op": "do_success"},
		{"thread": 1, "call": 6, "return": 9, "op": "snapshot", "state": {"phase": "closed", "generation": 0}}],
		"transitions": [], "final": {"phase": "closed", "generation": 0}}`
	var h history.History
	require.NoError(t, json.Unmarshal([]byte(sound), &h))
	require.NoError(t, history.Judge(&h, time.Minute))
	for _, r := range [][2]string{
		{`"why"`, `"whether"`},
		{`"1h"`, `"an hour"`},
		{`"start": {"phase": "closed"`, `"start": {"phase": "ajar"`},
		{`"final": {"phase": "closed"`, `"final": {"phase": "ajar"`},
		{`"state": {"phase": "closed"`, `"state": {"phase": "ajar"`},
		{`, "state": {"phase": "closed", "generation": 0}}]`, `}]`},
		{`"start": {"phase": "closed", "generation": 0`, `"start": {"phase": "closed", "generation": 16777216`},
		{`"do_success"`, `"do_something"`},
		{`"do_success"`, `"do"`},
		{`"do_success"`, `"word"`},
		{`"verdict": "admitted"`, `"verdict": "maybe"`},
		{`"verdict": "admitted"`, `"verdict": "rejected: open"`},
		{`"thread": 1`, `"thread": 4`},
		{`"thread": 1`, `"thread": 0`},
		{`"thread": 1`, `"thread": -1`},
		{`"return": 5`, `"return": 7`},
		{`"call": 6`, `"call": 10`},
		{`"call": 0`, `"call": -1`},
	} {
		broken := strings.Replace(sound, r[0], r[1], 1)
		require.NotEqual(t, sound, broken)
		assert.ErrorIs(t, json.Unmarshal([]byte(broken), new(history.History)), history.ErrMalformed, "%s", r[1])
	}
	for _, kind := range []history.Kind{history.DoSuccess, history.DoFailure, history.DoFailureRetryAfter, history.DoCancel} {
		alone := &history.History{Config: h.Config, Operations: []history.Operation{{Kind: kind}}}
		assert.ErrorIs(t, alone.Check(), history.ErrMalformed, kind)
	}
	h.Operations[0].Thread = history.MaxThreads
	assert.ErrorIs(t, history.Judge(&h, time.Minute), history.ErrMalformed)
}

func TestHistory_Overlaps(t *testing.T) {
	h := &history.History{Operations: []history.Operation{
		{Thread: 0, Call: 0, Return: 10},
		{Thread: 0, Call: 10, Return: 20},
		{Thread: 1, Call: 20, Return: 30},
	}}
	assert.Zero(t, h.Overlaps(), "sequential operations overlap")
	h.Operations[2].Call = 9
	assert.Equal(t, 2, h.Overlaps())
	h.Operations[2].Thread = 0
	assert.Zero(t, h.Overlaps(), "operations of one goroutine overlap")
}

// TestProgram_Smaller drops a goroutine, a step, a step inside Do, or the Do around its steps.
func TestProgram_Smaller(t *testing.T) {
	steps := []history.Step{{Op: history.Do, Body: []history.Step{{Op: history.Trip}}}, {Op: history.Reset}}
	p := &history.Program{Config: strict, Threads: [][]history.Step{steps, {{Op: history.Allow}}}}
	before := p.String()
	var got []string
	for q := range p.Smaller {
		_, threads, _ := strings.Cut(q.String(), "goroutine 0: ")
		got = append(got, threads)
	}
	assert.Equal(t, []string{
		"allow\n", "do {trip} ; reset\n",
		"trip; reset\ngoroutine 1: allow\n", "do {} ; reset\ngoroutine 1: allow\n", "do {trip} \ngoroutine 1: allow\n",
		"do {trip} ; reset\ngoroutine 1: \n",
	}, got)
	assert.Equal(t, before, p.String(), "Smaller changed the program")
	for range p.Smaller {
		break
	}
}
