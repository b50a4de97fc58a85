// SPDX-License-Identifier: Apache-2.0

package model_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// TestAdmit covers the answers of Allow, and the period of the permit.
func TestAdmit(t *testing.T) {
	for _, r := range []struct {
		sentence   string
		from       state
		generation uint32
		verdict    model.Verdict
	}{
		{"closed admits", state{closed, 6, 0, 2, 0, 0}, 6, model.Admitted},
		{"cooling rejects", state{cooling, 6, 0, 3, 0, 0}, 0, model.RejectedOpen},
		{"due admits into the half-open period it begins", state{due, 6, 0, 3, 0, 0}, 7, model.Admitted},
		{"half-open admits below the maximum", state{halfOpen, 6, 0, 3, 1, 3}, 6, model.Admitted},
		{"half-open rejects at the maximum", state{halfOpen, 6, 0, 3, 2, 0}, 0, model.RejectedProbes},
		{"forced-open rejects", state{forcedOpen, 6, 0, 2, 0, 0}, 0, model.RejectedOpen},
		{"forced-closed admits", state{forcedClosed, 6, 0, 2, 0, 0}, 6, model.Admitted},
	} {
		t.Run(r.sentence, func(t *testing.T) {
			generation, verdict := model.At(usual(), r.from).Admit()
			assert.Equal(t, r.verdict, verdict, "%v", verdict)
			assert.Equal(t, r.generation, generation)
		})
	}
}

// TestDashes covers the cells with a dash: nothing changes, nothing is published.
func TestDashes(t *testing.T) {
	events := map[string]step{
		"success":   success(6),
		"failure":   failure(6),
		"cancel":    cancel(6),
		"elapsed":   elapsed(6, 0),
		"anonymous": func(m *model.Model) { m.RecordSuccess(); m.RecordFailure() },
	}
	dashes := map[model.Phase][]string{
		closed:       {"cancel"},
		cooling:      {"success", "failure", "cancel", "anonymous"},
		due:          {"success", "failure", "cancel", "anonymous", "elapsed"},
		forcedOpen:   {"success", "failure", "cancel", "anonymous", "elapsed"},
		forcedClosed: {"success", "failure", "cancel", "anonymous", "elapsed"},
	}
	for phase, names := range dashes {
		for _, name := range names {
			from := state{Phase: phase, Generation: 6, Attempt: 1, Failures: 2}
			run(t, []rule{{phase.String() + "/" + name, usual(), from, events[name], from, nil}})
		}
	}
}

func TestOutcomes(t *testing.T) {
	t.Run("an outcome of another generation changes nothing, in any phase", func(t *testing.T) {
		for phase := closed; phase <= forcedClosed; phase++ {
			from := state{Phase: phase, Generation: 6, Attempt: 1, Failures: 2}
			if phase == halfOpen {
				from.Calls, from.Successes = 1, 3
			}
			for _, gen := range []uint32{0, 5, 7, 6 + 1<<24} {
				for name, do := range map[string]step{
					"success": success(gen), "failure": failure(gen), "cancel": cancel(gen), "elapsed": elapsed(gen, 3),
				} {
					run(t, []rule{{phase.String() + " " + name, usual(), from, do, from, nil}})
				}
			}
		}
	})
	run(t, []rule{
		{
			"a permit's success counts in its own generation", usual(),
			state{closed, 6, 0, 2, 0, 0},
			success(6),
			state{closed, 6, 0, 0, 0, 0},
			nil,
		},
		{
			"a permit's failure counts in its own generation", usual(),
			state{closed, 6, 0, 2, 0, 0},
			failure(6),
			state{cooling, 7, 0, 3, 0, 0},
			one("closed", "open", 7, "failure_threshold", 3, 0),
		},
		{
			"a late answer from before an outage cannot close the circuit", usual(),
			state{closed, 6, 0, 2, 0, 0},
			func(m *model.Model) {
				late, _ := m.Admit()
				m.RecordFailure()
				m.Elapsed(7, 0)
				m.Admit()
				m.Transitions()
				m.Success(late)
				m.Failure(late)
			},
			state{halfOpen, 8, 0, 3, 1, 0},
			nil,
		},
	})
	idle := state{halfOpen, 6, 1, 3, 0, 3}
	run(t, []rule{
		{"in half-open with no probe in flight a success changes nothing", usual(), idle, success(6), idle, nil},
		{"in half-open with no probe in flight a failure changes nothing", usual(), idle, failure(6), idle, nil},
		{"in half-open with no probe in flight a cancel changes nothing", usual(), idle, cancel(6), idle, nil},
		{
			"in half-open with no probe in flight an anonymous failure changes nothing", usual(), idle,
			(*model.Model).RecordFailure, idle, nil,
		},
		{
			"a failure recorded while open neither restarts nor publishes", usual(),
			state{cooling, 6, 0, 3, 0, 0},
			func(m *model.Model) {
				m.RecordFailure()
				m.Elapsed(6, 0)
				m.RecordFailure()
			},
			state{due, 6, 0, 3, 0, 0},
			nil,
		},
	})
}

// TestRetryAfterReport covers the report of a failure with a time to wait.
func TestRetryAfterReport(t *testing.T) {
	const wait = 60 * second
	run(t, []rule{
		{
			"in its own generation it opens a closed breaker, attempt and failures unchanged", usual(),
			state{closed, 6, 1, 1, 0, 0},
			retryAfter(6, wait),
			state{cooling, 7, 1, 1, 0, 0},
			one("closed", "open", 7, "tripped", 1, 1),
		},
		{
			"it cools also without a recovery timeout", atOnce(),
			state{closed, 6, 1, 1, 0, 0},
			retryAfter(6, wait),
			state{cooling, 7, 1, 1, 0, 0},
			one("closed", "open", 7, "tripped", 1, 1),
		},
		{
			"a probe's opens again and counts an attempt", usual(),
			state{halfOpen, 6, 1, 3, 2, 2},
			retryAfter(6, wait),
			state{cooling, 7, 2, 3, 0, 0},
			one("half_open", "open", 7, "tripped", 3, 2),
		},
		{
			"a probe's attempt saturates", usual(),
			state{halfOpen, 6, 31, 3, 1, 0},
			retryAfter(6, wait),
			state{cooling, 7, 31, 3, 0, 0},
			one("half_open", "open", 7, "tripped", 3, 31),
		},
		{
			"in half-open with no probe in flight it changes nothing", usual(),
			state{halfOpen, 6, 1, 3, 0, 3},
			retryAfter(6, wait),
			state{halfOpen, 6, 1, 3, 0, 3},
			nil,
		},
		{
			"of another generation it starts a new open period when due, attempt unchanged", usual(),
			state{due, 6, 1, 3, 0, 0},
			retryAfter(5, wait),
			state{cooling, 7, 1, 3, 0, 0},
			one("open", "open", 7, "tripped", 3, 1),
		},
		{
			"of another generation it starts a new one when the end is unknown, attempt unchanged", usual(),
			state{cooling, 6, 1, 3, 0, 0},
			retryAfter(5, wait),
			state{cooling, 7, 1, 3, 0, 0},
			one("open", "open", 7, "tripped", 3, 1),
		},
	})
	for _, from := range everyPhase() {
		name := from.Phase.String()
		switch from.Phase {
		case forcedOpen, forcedClosed:
			run(t, []rule{
				{"when forced it changes nothing/" + name, usual(), from, retryAfter(6, wait), from, nil},
				{"when forced a late one changes nothing/" + name, usual(), from, retryAfter(5, wait), from, nil},
			})
		case closed, halfOpen:
			for _, gen := range []uint32{0, 5, 7, 6 + 1<<24} {
				run(t, []rule{{
					"of another generation it changes nothing/" + name, usual(), from, retryAfter(gen, wait), from, nil,
				}})
			}
		case cooling, due: // above, and TestExtending
		}
	}
	t.Run("its time must be positive", func(t *testing.T) {
		for _, d := range []time.Duration{0, -1} {
			assert.Panics(t, func() { model.New(usual()).FailureRetryAfter(0, d) })
		}
	})
}

func TestCounts(t *testing.T) {
	eager := usual()
	eager.FailureThreshold = 1
	widest := usual()
	widest.FailureThreshold = math.MaxUint16
	uneven := model.Config{FailureThreshold: 13107, FailureWeight: 5, SuccessWeight: 1}
	recordFailure := (*model.Model).RecordFailure
	run(t, []rule{
		{
			"a failure rate adds a weight for a failure", weighted(),
			state{closed, 6, 0, 4, 0, 0},
			recordFailure,
			state{closed, 6, 0, 9, 0, 0},
			nil,
		},
		{
			"a failure rate subtracts a weight for a success", weighted(),
			state{closed, 6, 0, 9, 0, 0},
			(*model.Model).RecordSuccess,
			state{closed, 6, 0, 7, 0, 0},
			nil,
		},
		{
			"a failure rate subtracts nothing below 0", weighted(),
			state{closed, 6, 0, 1, 0, 0},
			(*model.Model).RecordSuccess,
			state{closed, 6, 0, 0, 0, 0},
			nil,
		},
		{
			"a failure rate does not trip one unit short", weighted(),
			state{closed, 6, 0, 9, 0, 0},
			recordFailure,
			state{closed, 6, 0, 14, 0, 0},
			nil,
		},
		{
			"a failure rate trips at the threshold in a row", weighted(),
			state{closed, 6, 0, 0, 0, 0},
			func(m *model.Model) { m.RecordFailure(); m.RecordFailure(); m.RecordFailure() },
			state{cooling, 7, 0, 15, 0, 0},
			one("closed", "open", 7, "failure_threshold", 3, 0),
		},
		{
			"failures are a number of failures, rounded up", weighted(),
			state{closed, 6, 0, 11, 0, 0},
			recordFailure,
			state{cooling, 7, 0, 16, 0, 0},
			one("closed", "open", 7, "failure_threshold", 4, 0),
		},
		{
			"a threshold of one trips at the first failure", eager,
			state{},
			recordFailure,
			state{cooling, 1, 0, 1, 0, 0},
			one("closed", "open", 1, "failure_threshold", 1, 0),
		},
		{
			"a count already over the threshold trips", eager,
			state{closed, 6, 0, 40, 0, 0},
			recordFailure,
			state{cooling, 7, 0, 41, 0, 0},
			one("closed", "open", 7, "failure_threshold", 41, 0),
		},
		{
			"the widest threshold can be reached", widest,
			state{closed, 6, 0, 65534, 0, 0},
			recordFailure,
			state{cooling, 7, 0, 65535, 0, 0},
			one("closed", "open", 7, "failure_threshold", 65535, 0),
		},
		{
			"failures saturate", uneven,
			state{closed, 6, 0, 65534, 0, 0},
			recordFailure,
			state{due, 7, 0, 65535, 0, 0},
			one("closed", "open", 7, "failure_threshold", 13107, 0),
		},
		{
			"attempt saturates when a probe fails", usual(),
			state{halfOpen, 6, 31, 3, 1, 0},
			recordFailure,
			state{cooling, 7, 31, 3, 0, 0},
			one("half_open", "open", 7, "probe_failed", 3, 31),
		},
		{
			"attempt saturates when the breaker closes", usual(),
			state{halfOpen, 6, 31, 3, 1, 3},
			success(6),
			state{closed, 7, 31, 0, 0, 0},
			one("half_open", "closed", 7, "probe_succeeded", 0, 31),
		},
		{
			"generation wraps at 24 bits", usual(),
			state{due, 1<<24 - 1, 0, 3, 0, 0},
			allow,
			state{halfOpen, 0, 0, 3, 1, 0},
			one("open", "half_open", 0, "probe_admitted", 3, 0),
		},
		{
			"a closing counts as an attempt until the sink is stable", usual(),
			state{halfOpen, 6, 0, 3, 1, 3},
			func(m *model.Model) { m.Success(6); m.Transitions(); m.Trip() },
			state{cooling, 8, 1, 0, 0, 0},
			one("closed", "open", 8, "tripped", 0, 1),
		},
		{
			"half-open calls start at 0 in every half-open period", usual(),
			state{halfOpen, 6, 0, 3, 2, 3},
			func(m *model.Model) { m.Failure(6); m.Elapsed(7, 0); m.Transitions(); m.Admit() },
			state{halfOpen, 8, 1, 3, 1, 0},
			one("open", "half_open", 8, "probe_admitted", 3, 1),
		},
	})
}
