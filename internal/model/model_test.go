// SPDX-License-Identifier: Apache-2.0

package model_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// Short names keep the tables readable.
type (
	state      = model.State
	transition = model.Transition
)

const (
	closed       = model.Closed
	cooling      = model.Cooling
	due          = model.Due
	halfOpen     = model.HalfOpen
	forcedOpen   = model.ForcedOpen
	forcedClosed = model.ForcedClosed
)

// usual uses a different value for each setting, so that a test notices a mix-up.
func usual() model.Config {
	return model.Config{
		FailureThreshold: 3,
		RecoveryTimeout:  10 * time.Second,
		ProbeTimeout:     7 * time.Second,
		HalfOpenMaxCalls: 2,
		SuccessThreshold: 4,
	}
}

// weighted trips at 3*5 = 15 units.
func weighted() model.Config {
	c := usual()
	c.FailureWeight, c.SuccessWeight = 5, 2
	return c
}

// atOnce has no recovery timeout, whatever the back-off.
func atOnce() model.Config {
	c := usual()
	c.RecoveryTimeout, c.BackoffMax = 0, time.Minute
	return c
}

// A step is an operation on a model.
type step func(*model.Model)

func allow(m *model.Model) { m.Admit() }

func elapsed(gen uint32, successes int) step {
	return func(m *model.Model) { m.Elapsed(gen, successes) }
}

func success(gen uint32) step { return func(m *model.Model) { m.Success(gen) } }
func failure(gen uint32) step { return func(m *model.Model) { m.Failure(gen) } }
func cancel(gen uint32) step  { return func(m *model.Model) { m.Cancel(gen) } }

func tripFor(d time.Duration) step { return func(m *model.Model) { m.TripFor(d) } }

func retryAfter(gen uint32, d time.Duration) step {
	return func(m *model.Model) { m.FailureRetryAfter(gen, d) }
}

// A rule is one sentence of the contract: the step takes a breaker from the state from to the state
// to, and publishes exactly these transitions. Run applies it to a breaker without timers, so a
// rule is about the word alone.
type rule struct {
	sentence  string
	config    model.Config
	from      state
	do        step
	to        state
	published []transition
}

func run(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.sentence, func(t *testing.T) { r.hold(t, model.At(r.config, r.from)) })
	}
}

// runCooling applies each rule to a breaker that cools for left.
func runCooling(t *testing.T, left time.Duration, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.sentence, func(t *testing.T) { r.hold(t, model.AtCooling(r.config, r.from, left)) })
	}
}

// hold asserts that m, which is in state from, follows the rule.
func (r *rule) hold(t *testing.T, m *model.Model) {
	t.Helper()
	r.do(m)
	assert.Equal(t, r.to, m.State())
	assert.Equal(t, r.published, m.Transitions())
}

// one returns a list with a single transition.
func one(from, to string, gen uint32, cause string, failures, attempt int) []transition {
	return []transition{{From: from, To: to, Generation: gen, Cause: cause, Failures: failures, Attempt: attempt}}
}

// TestTable covers every cell of the state table except the dashes.
func TestTable(t *testing.T) {
	recordSuccess := (*model.Model).RecordSuccess
	recordFailure := (*model.Model).RecordFailure
	run(t, []rule{
		{
			"closed/Allow admits without a write", usual(),
			state{closed, 6, 1, 2, 0, 0},
			allow,
			state{closed, 6, 1, 2, 0, 0},
			nil,
		},
		{
			"closed/a success sets failures to 0", usual(),
			state{closed, 6, 1, 2, 0, 0},
			recordSuccess,
			state{closed, 6, 1, 0, 0, 0},
			nil,
		},
		{
			"closed/a failure adds one", usual(),
			state{closed, 6, 1, 1, 0, 0},
			recordFailure,
			state{closed, 6, 1, 2, 0, 0},
			nil,
		},
		{
			"closed/a failure at the threshold opens, cooling", usual(),
			state{closed, 6, 1, 2, 0, 0},
			recordFailure,
			state{cooling, 7, 1, 3, 0, 0},
			one("closed", "open", 7, "failure_threshold", 3, 1),
		},
		{
			"closed/a failure at the threshold opens, due without a recovery timeout", atOnce(),
			state{closed, 6, 1, 2, 0, 0},
			recordFailure,
			state{due, 7, 1, 3, 0, 0},
			one("closed", "open", 7, "failure_threshold", 3, 1),
		},
		{
			"closed/Elapsed without failures halves attempt", usual(),
			state{closed, 6, 5, 0, 0, 0},
			elapsed(6, 0),
			state{closed, 6, 2, 0, 0, 0},
			nil,
		},
		{
			"closed/Elapsed halves an attempt of 1 to 0", usual(),
			state{closed, 6, 1, 0, 0, 0},
			elapsed(6, 0),
			state{closed, 6, 0, 0, 0, 0},
			nil,
		},
		{
			"closed/Elapsed with failures counted does nothing", usual(),
			state{closed, 6, 5, 1, 0, 0},
			elapsed(6, 0),
			state{closed, 6, 5, 1, 0, 0},
			nil,
		},
		{
			"cooling/Allow rejects", usual(),
			state{cooling, 6, 1, 3, 0, 0},
			allow,
			state{cooling, 6, 1, 3, 0, 0},
			nil,
		},
		{
			"cooling/Elapsed makes due and publishes nothing", usual(),
			state{cooling, 6, 1, 3, 0, 0},
			elapsed(6, 0),
			state{due, 6, 1, 3, 0, 0},
			nil,
		},
		{
			"due/Allow half-opens with one call and is admitted", usual(),
			state{due, 6, 1, 3, 0, 0},
			allow,
			state{halfOpen, 7, 1, 3, 1, 0},
			one("open", "half_open", 7, "probe_admitted", 3, 1),
		},
		{
			"half-open/Allow below the maximum adds a call and admits", usual(),
			state{halfOpen, 6, 1, 3, 1, 2},
			allow,
			state{halfOpen, 6, 1, 3, 2, 2},
			nil,
		},
		{
			"half-open/Allow at the maximum rejects", usual(),
			state{halfOpen, 6, 1, 3, 2, 2},
			allow,
			state{halfOpen, 6, 1, 3, 2, 2},
			nil,
		},
		{
			"half-open/a success takes a call and adds a success", usual(),
			state{halfOpen, 6, 1, 3, 2, 2},
			recordSuccess,
			state{halfOpen, 6, 1, 3, 1, 3},
			nil,
		},
		{
			"half-open/a success at the threshold closes, counts 0, attempt + 1", usual(),
			state{halfOpen, 6, 1, 3, 2, 3},
			recordSuccess,
			state{closed, 7, 2, 0, 0, 0},
			one("half_open", "closed", 7, "probe_succeeded", 0, 2),
		},
		{
			"half-open/a failure opens, attempt + 1", usual(),
			state{halfOpen, 6, 1, 3, 2, 2},
			recordFailure,
			state{cooling, 7, 2, 3, 0, 0},
			one("half_open", "open", 7, "probe_failed", 3, 2),
		},
		{
			"half-open/a cancel takes a call", usual(),
			state{halfOpen, 6, 1, 3, 2, 2},
			cancel(6),
			state{halfOpen, 6, 1, 3, 1, 2},
			nil,
		},
		{
			"half-open/Elapsed with a probe in flight and those successes opens, attempt + 1", usual(),
			state{halfOpen, 6, 1, 3, 1, 2},
			elapsed(6, 2),
			state{cooling, 7, 2, 3, 0, 0},
			one("half_open", "open", 7, "probe_timed_out", 3, 2),
		},
		{
			"half-open/otherwise Elapsed does nothing: other successes", usual(),
			state{halfOpen, 6, 1, 3, 1, 2},
			elapsed(6, 1),
			state{halfOpen, 6, 1, 3, 1, 2},
			nil,
		},
		{
			"half-open/otherwise Elapsed does nothing: no probe in flight", usual(),
			state{halfOpen, 6, 1, 3, 0, 2},
			elapsed(6, 2),
			state{halfOpen, 6, 1, 3, 0, 2},
			nil,
		},
		{
			"forced-open/Allow rejects", usual(),
			state{forcedOpen, 6, 1, 2, 0, 0},
			allow,
			state{forcedOpen, 6, 1, 2, 0, 0},
			nil,
		},
		{
			"forced-closed/Allow admits", usual(),
			state{forcedClosed, 6, 1, 2, 0, 0},
			allow,
			state{forcedClosed, 6, 1, 2, 0, 0},
			nil,
		},
	})
}
