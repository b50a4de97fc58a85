// SPDX-License-Identifier: Apache-2.0

package model_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// logs is a typical configuration for a logger: five failures in a row, one probe, back-off up to
// an hour.
func logs() model.Config {
	return model.Config{
		FailureThreshold: 5, RecoveryTimeout: second, BackoffMax: time.Hour, ProbeTimeout: 30 * second,
		HalfOpenMaxCalls: 1, SuccessThreshold: 1,
	}
}

// call asks for admission and reports the sink's outcome. It returns whether the call was rejected.
func call(m *model.Model, sinkFails bool) (rejected bool) {
	generation, verdict := m.Admit()
	switch {
	case verdict != model.Admitted:
		return true
	case sinkFails:
		m.Failure(generation)
	default:
		m.Success(generation)
	}
	return false
}

// wait lets an open period end.
func wait(t *testing.T, m *model.Model) {
	t.Helper()
	require.Equal(t, cooling, m.State().Phase)
	m.Advance(m.RetryAfter())
	require.Equal(t, due, m.State().Phase)
}

// fails opens the breaker and lets probes fail until attempts are counted. A probe is due when it
// returns.
func fails(t *testing.T, m *model.Model, attempts int) {
	t.Helper()
	m.Trip()
	for m.State().Attempt < attempts {
		wait(t, m)
		call(m, true)
	}
	wait(t, m)
}

func TestStory_ALongOutageIsForgiven(t *testing.T) {
	for _, attempts := range []int{23, 30, 31} { // closing adds one, up to 31
		m := model.New(logs())
		fails(t, m, attempts)
		call(m, false)
		require.Equal(t, state{closed, m.State().Generation, min(31, attempts+1), 0, 0, 0}, m.State())
		m.Advance(5*m.StabilityTimeout() - tick)
		assert.Equal(t, 1, m.State().Attempt)
		m.Advance(tick)
		assert.Equal(t, 0, m.State().Attempt, "after five stability timeouts")
		m.Trip()
		assert.Equal(t, second, m.RetryAfter(), "the next outage starts from the beginning")
	}
}

func TestStory_ASinkThatFailsMeanwhileIsNotForgiven(t *testing.T) {
	m := model.New(logs())
	fails(t, m, 23)
	call(m, false)
	for range 100 { // three of four calls fail, never five in a row
		for range 4 {
			m.Advance(m.StabilityTimeout() / 4)
			call(m, false)
			call(m, true)
			call(m, true)
			call(m, true)
		}
	}
	assert.Equal(t, 24, m.State().Attempt)
	call(m, true)
	call(m, true)
	assert.Equal(t, time.Hour, m.RetryAfter())
}

// After a four-hour outage with a back-off up to an hour, the sink fails for one second every fifty
// minutes.
func TestStory_BlipsAfterALongOutage(t *testing.T) {
	const (
		step   = 100 * time.Millisecond
		outage = 4 * time.Hour
		day    = 22 * time.Hour
		every  = 50 * time.Minute
	)
	m := model.New(logs())
	for now := time.Duration(0); now < outage; now += step {
		call(m, true)
		m.Advance(step)
	}
	assert.Greater(t, m.State().Attempt, 10)
	m.Advance(m.RetryAfter())
	rejected, calls := 0, 0
	for now := time.Duration(0); now < day; now += step {
		blip := now%every >= every-second
		if call(m, blip) {
			rejected++
		}
		calls++
		m.Advance(step)
	}
	assert.Less(t, float64(rejected)/float64(calls), 0.001)
	assert.NotZero(t, rejected, "the blips never opened the breaker")
}

// Three in ten calls of the sink fail. Under a failure rate of one in five the breaker opens
// slowly, minutes after each recovery. It backs off all the same.
func TestStory_ASlowTripBacksOff(t *testing.T) {
	const repeats = 40
	m := model.New(model.Config{
		FailureThreshold: 100, FailureWeight: 4, SuccessWeight: 1, RecoveryTimeout: second, BackoffMax: 5 * time.Minute,
		ProbeTimeout: 30 * second, HalfOpenMaxCalls: 1, SuccessThreshold: 1,
	})
	r := rand.New(rand.NewPCG(9, 0))
	open := make([]time.Duration, repeats) // the time between two closed periods
	for i := range open {
		for m.State().Phase == closed {
			call(m, r.Float64() < 0.3)
			m.Advance(100 * time.Millisecond)
		}
		for m.State().Phase != closed {
			left := m.RetryAfter()
			open[i] += left
			m.Advance(left)
			call(m, r.Float64() < 0.3)
		}
	}
	mean := func(of []time.Duration) (d time.Duration) {
		for _, o := range of {
			d += o / time.Duration(len(of))
		}
		return d
	}
	first, last := mean(open[:repeats/4]), mean(open[repeats*3/4:])
	t.Logf("open for %v on average at first, for %v in the end: %v", first, last, open)
	assert.Greater(t, last, 4*first)
}

func TestStory_TheLongerAnswerStays(t *testing.T) {
	for name, answer := range map[string]func(*model.Model, uint32, time.Duration){
		"TripFor":  func(m *model.Model, _ uint32, d time.Duration) { m.TripFor(d) },
		"a report": (*model.Model).FailureRetryAfter,
	} {
		t.Run(name, func(t *testing.T) {
			m := model.New(logs())
			one, _ := m.Admit()
			two, _ := m.Admit()
			answer(m, one, 120*second)
			answer(m, two, second)
			assert.Len(t, m.Transitions(), 1)
			assert.GreaterOrEqual(t, m.RetryAfter(), 120*second)

			m = model.New(logs())
			answer(m, 0, second)
			answer(m, 0, 120*second)
			assert.Len(t, m.Transitions(), 2)
			assert.GreaterOrEqual(t, m.RetryAfter(), 120*second)
		})
	}
}

// Each of 64 calls in flight is answered 429 with the same 60 seconds, each a little later than the
// one before.
func TestStory_AnswersInFlightAreOneTransition(t *testing.T) {
	m := model.New(logs())
	var permits []uint32
	for range 64 {
		generation, _ := m.Admit()
		permits = append(permits, generation)
	}
	for _, p := range permits {
		m.FailureRetryAfter(p, 60*second)
		assert.GreaterOrEqual(t, m.RetryAfter(), 60*second, "an answer was not honored")
		m.Advance(15 * time.Millisecond)
	}
	assert.Equal(t, one("closed", "open", 1, "tripped", 0, 0), m.Transitions())
	m.Advance(55 * time.Millisecond) // more than a second after the first: the slack is used up
	m.FailureRetryAfter(permits[0], 60*second)
	assert.Equal(t, one("open", "open", 2, "tripped", 0, 0), m.Transitions())
}

// The answer with the time to wait arrives after another call's failure has opened the breaker.
func TestStory_AnAnswerAfterTheTripExtendsIt(t *testing.T) {
	m := model.New(logs())
	permit, _ := m.Admit()
	for range 5 {
		call(m, true)
	}
	m.Transitions()
	m.FailureRetryAfter(permit, 60*second)
	assert.Equal(t, one("open", "open", 2, "tripped", 5, 0), m.Transitions())
	stays(t, m, cooling, 61*second, due)
}

func TestStory_ALateAnswerCannotOpenARecoveredBreaker(t *testing.T) {
	m := model.New(logs())
	late, _ := m.Admit()
	m.Trip()
	wait(t, m)
	probe, _ := m.Admit()
	m.Transitions()
	m.FailureRetryAfter(late, time.Hour)
	assert.Equal(t, state{halfOpen, 2, 0, 0, 1, 0}, m.State(), "a late answer ended the recovery")
	m.Success(probe)
	m.Transitions()
	m.FailureRetryAfter(late, time.Hour)
	m.FailureRetryAfter(probe, time.Hour)
	assert.Equal(t, state{closed, 3, 1, 0, 0, 0}, m.State())
	assert.Nil(t, m.Transitions())
}

// A probe that is answered with a time to wait has failed. The back-off continues from there.
func TestStory_AProbesAnswerIsAnAttempt(t *testing.T) {
	m := model.New(logs())
	m.Trip()
	for attempt := range 5 {
		wait(t, m)
		probe, _ := m.Admit()
		m.FailureRetryAfter(probe, 2*second)
		assert.Equal(t, 2200*time.Millisecond, m.RetryAfter())
		assert.Equal(t, attempt+1, m.State().Attempt)
	}
	wait(t, m)
	call(m, true)
	assert.Equal(t, 64*second, m.RetryAfter())
}
