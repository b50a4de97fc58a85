// SPDX-License-Identifier: Apache-2.0

package model_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

const (
	second = time.Second
	tick   = time.Nanosecond
)

// backsOff doubles 10 s up to 35 s.
func backsOff() model.Config {
	c := usual()
	c.BackoffMax = 35 * second
	return c
}

// stays asserts that the breaker stays in phase until just before d has passed, and is in then at
// d.
func stays(t *testing.T, m *model.Model, phase model.Phase, d time.Duration, then model.Phase) {
	t.Helper()
	m.Advance(d - tick)
	assert.Equal(t, phase, m.State().Phase, "just before")
	m.Advance(tick)
	assert.Equal(t, then, m.State().Phase, "at the time")
}

func TestRecoveryTimer(t *testing.T) {
	t.Run("entering cooling arms the recovery timeout", func(t *testing.T) {
		for _, r := range []struct {
			name  string
			enter step
			want  time.Duration
		}{
			{"by failures", func(m *model.Model) { m.RecordFailure(); m.RecordFailure(); m.RecordFailure() }, 10 * second},
			{"by Trip", (*model.Model).Trip, 10 * second},
			{"by TripFor", tripFor(20 * second), 21 * second},
			{"by a report", retryAfter(0, 30*second), 31 * second},
		} {
			t.Run(r.name, func(t *testing.T) {
				m := model.New(usual())
				r.enter(m)
				assert.Equal(t, r.want, m.RetryAfter())
				stays(t, m, cooling, r.want, due)
			})
		}
	})
	t.Run("a failed probe cools for the new attempt", func(t *testing.T) {
		m := model.At(backsOff(), state{halfOpen, 6, 0, 3, 1, 0})
		m.RecordFailure()
		stays(t, m, cooling, 20*second, due)
	})
	t.Run("Trip cools for the current attempt", func(t *testing.T) {
		m := model.At(backsOff(), state{closed, 6, 1, 0, 0, 0})
		m.Trip()
		stays(t, m, cooling, 20*second, due)
	})
	t.Run("TripFor's time and its slack are used, whatever the attempt", func(t *testing.T) {
		m := model.At(backsOff(), state{closed, 6, 5, 0, 0, 0})
		m.TripFor(100 * second)
		stays(t, m, cooling, 101*second, due)
	})
	t.Run("TripFor cools for its time also without a recovery timeout", func(t *testing.T) {
		m := model.New(atOnce())
		m.TripFor(20 * second)
		stays(t, m, cooling, 21*second, due)
	})
	t.Run("the earlier timer does not cut TripFor short", func(t *testing.T) {
		m := model.New(usual())
		m.Trip()
		m.Advance(9 * second)
		m.TripFor(5 * second)
		stays(t, m, cooling, 5500*time.Millisecond, due)
	})
	t.Run("TripFor does not cut the earlier timer short", func(t *testing.T) {
		m := model.New(usual())
		m.Trip()
		m.TripFor(second)
		assert.Len(t, m.Transitions(), 1)
		stays(t, m, cooling, 10*second, due)
	})
	t.Run("a breaker put into cooling is due when the time left has passed", func(t *testing.T) {
		m := model.AtCooling(usual(), state{cooling, 6, 1, 3, 0, 0}, 5*second)
		assert.Equal(t, 5*second, m.RetryAfter())
		stays(t, m, cooling, 5*second, due)
		assert.Nil(t, m.Transitions())
		m = model.AtCooling(usual(), state{cooling, 6, 1, 3, 0, 0}, 0)
		m.Advance(0)
		assert.Equal(t, due, m.State().Phase)
	})
	t.Run("only a cooling breaker has time left, and never a negative one", func(t *testing.T) {
		assert.Panics(t, func() { model.AtCooling(usual(), state{due, 6, 0, 3, 0, 0}, second) })
		assert.Panics(t, func() { model.AtCooling(usual(), state{cooling, 6, 0, 3, 0, 0}, -1) })
	})
	t.Run("a failure while open does not restart the recovery timeout", func(t *testing.T) {
		m := model.New(usual())
		m.Trip()
		m.Advance(9 * second)
		m.RecordFailure()
		assert.Equal(t, second, m.RetryAfter())
		stays(t, m, cooling, second, due)
	})
	t.Run("RetryAfter is exact while cooling, and 0 otherwise", func(t *testing.T) {
		m := model.New(usual())
		assert.Zero(t, m.RetryAfter(), "closed")
		m.Trip()
		m.Advance(3 * second)
		assert.Equal(t, 7*second, m.RetryAfter())
		m.TripFor(40 * second)
		m.Advance(second)
		assert.Equal(t, 40*second, m.RetryAfter())
		m.ForceOpen()
		assert.Zero(t, m.RetryAfter(), "forced-open")
		m.Reset()
		m.Trip()
		m.Elapsed(m.State().Generation, 0)
		assert.Zero(t, m.RetryAfter(), "due")
		assert.Zero(t, model.At(usual(), state{Phase: cooling}).RetryAfter(), "no timer")
	})
	t.Run("the longest durations do not overflow", func(t *testing.T) {
		m := model.New(usual())
		m.Advance(math.MaxInt64)
		m.TripFor(math.MaxInt64)
		m.Advance(second)
		assert.Equal(t, math.MaxInt64-second, m.RetryAfter())
		m.Advance(math.MaxInt64)
		assert.Equal(t, due, m.State().Phase)
	})
}

func TestRecoveryTimeout(t *testing.T) {
	longest := usual()
	longest.BackoffMax = math.MaxInt64
	capped := usual()
	capped.BackoffMax = 5 * second // New rejects it; the formula still holds
	flat := usual()
	flat.BackoffMax = flat.RecoveryTimeout
	for _, r := range []struct {
		sentence string
		config   model.Config
		attempt  int
		want     time.Duration
	}{
		{"attempt 0 is the recovery timeout", backsOff(), 0, 10 * second},
		{"each attempt doubles it", backsOff(), 1, 20 * second},
		{"up to the cap", backsOff(), 2, 35 * second},
		{"and not beyond the cap", backsOff(), 31, 35 * second},
		{"a cap of the recovery timeout itself holds it there", flat, 3, 10 * second},
		{"the cap holds for attempt 0 as well", capped, 0, 5 * second},
		{"two to the attempt", longest, 20, 10 * second << 20},
		{"saturating", longest, 31, math.MaxInt64},
		{"recovery alone without back-off", usual(), 31, 10 * second},
		{"due at once whatever the back-off says", atOnce(), 31, 0},
	} {
		t.Run(r.sentence, func(t *testing.T) {
			assert.Equal(t, r.want, model.New(r.config).RecoveryTimeout(r.attempt))
		})
	}
}

func TestProbeTimer(t *testing.T) {
	t.Run("the probe that half-opens arms the probe timeout", func(t *testing.T) {
		m := model.At(usual(), state{due, 6, 0, 3, 0, 0})
		m.Admit()
		stays(t, m, halfOpen, 7*second, cooling)
		assert.Equal(t, "probe_timed_out", m.Transitions()[1].Cause)
		assert.Equal(t, 1, m.State().Attempt)
	})
	t.Run("every later probe arms it with the successes at its admission", func(t *testing.T) {
		m := model.At(usual(), state{halfOpen, 6, 0, 3, 1, 0})
		m.Success(6)
		m.Admit()
		stays(t, m, halfOpen, 7*second, cooling)
	})
	t.Run("a success makes the timers from before it void", func(t *testing.T) {
		m := model.At(usual(), state{due, 6, 0, 3, 0, 0})
		m.Admit()
		m.Advance(5 * second)
		m.Admit()
		m.Success(7)
		m.Admit()
		stays(t, m, halfOpen, 7*second, cooling)
	})
	t.Run("a pending timer of the same successes serves the next probe too", func(t *testing.T) {
		m := model.At(usual(), state{due, 6, 0, 3, 0, 0})
		m.Admit()
		m.Advance(5 * second)
		m.Admit()
		stays(t, m, halfOpen, 2*second, cooling)
	})
	t.Run("once that timer has fired a probe arms its own", func(t *testing.T) {
		m := model.At(usual(), state{due, 6, 0, 3, 0, 0})
		m.Admit()
		m.Advance(5 * second)
		m.Admit() // served by the first timer, which fires at 7 s
		m.Cancel(7)
		m.Cancel(7)
		m.Advance(3 * second)
		m.Admit()
		stays(t, m, halfOpen, 7*second, cooling)
	})
	t.Run("slow traffic on a healthy sink closes", func(t *testing.T) {
		c := usual()
		c.ProbeTimeout = 30 * second
		m := model.At(c, state{due, 6, 0, 3, 0, 0})
		for range 4 {
			m.Admit()
			m.RecordSuccess()
			m.Advance(15 * second)
		}
		assert.Equal(t, closed, m.State().Phase)
	})
	t.Run("a probe timeout of 0 never fires", func(t *testing.T) {
		c := usual()
		c.ProbeTimeout = 0
		m := model.At(c, state{due, 6, 0, 3, 0, 0})
		m.Admit()
		m.Advance(math.MaxInt64)
		assert.Equal(t, halfOpen, m.State().Phase)
	})
	t.Run("probes that time out without a recovery timeout are due at once", func(t *testing.T) {
		m := model.At(atOnce(), state{due, 6, 0, 3, 0, 0})
		m.Admit()
		stays(t, m, halfOpen, 7*second, due)
		assert.Equal(t, 1, m.State().Attempt)
	})
}

func TestAdvance(t *testing.T) {
	t.Run("timers fire in the order of their deadlines, which the clock shows", func(t *testing.T) {
		// At 7 s the probe times out, and the recovery timeout counts from there.
		m := model.At(usual(), state{due, 6, 0, 3, 0, 0})
		m.Admit()
		m.Advance(10 * second)
		assert.Equal(t, 7*second, m.RetryAfter())
		m.Advance(7 * second)
		assert.Equal(t, due, m.State().Phase)
	})
	t.Run("a timer armed by a timer fires in the same Advance", func(t *testing.T) {
		m := model.At(usual(), state{due, 6, 0, 3, 0, 0})
		m.Admit()
		m.Advance(17 * second)
		assert.Equal(t, due, m.State().Phase)
	})
	t.Run("a timer fires once", func(t *testing.T) {
		m := model.New(usual())
		m.Trip()
		m.Advance(10 * second)
		m.Admit()
		m.Transitions()
		m.Cancel(2)
		m.Advance(time.Hour)
		assert.Equal(t, state{halfOpen, 2, 0, 0, 0, 0}, m.State())
		assert.Nil(t, m.Transitions())
	})
	t.Run("the clock never goes back", func(t *testing.T) {
		m := model.New(usual())
		m.Trip()
		m.Advance(-second)
		assert.Equal(t, 10*second, m.RetryAfter())
	})
}
