// SPDX-License-Identifier: Apache-2.0

package model_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

func TestStabilityTimer(t *testing.T) {
	closing := state{halfOpen, 6, 0, 3, 1, 3}
	t.Run("closing from half-open arms one plain recovery timeout, whatever the attempt", func(t *testing.T) {
		m := model.At(backsOff(), state{halfOpen, 6, 4, 3, 1, 3})
		m.Success(6)
		m.Advance(10*second - tick)
		assert.Equal(t, 5, m.State().Attempt)
		m.Advance(tick)
		assert.Equal(t, state{closed, 7, 2, 0, 0, 0}, m.State())
		assert.Len(t, m.Transitions(), 1, "stability was published")
	})
	t.Run("it starts again while attempts are left", func(t *testing.T) {
		m := model.At(backsOff(), state{halfOpen, 6, 4, 3, 1, 3})
		m.Success(6)
		for _, want := range [][2]int{{5, 2}, {2, 1}, {1, 0}, {0, 0}} {
			m.Advance(10*second - tick)
			assert.Equal(t, want[0], m.State().Attempt, "just before")
			m.Advance(tick)
			assert.Equal(t, want[1], m.State().Attempt, "at the time")
		}
	})
	t.Run("it starts again when it has changed nothing", func(t *testing.T) {
		m := model.At(backsOff(), closing)
		m.Success(6)
		m.RecordFailure()
		m.Advance(10 * second)
		m.Advance(9 * second)
		m.RecordSuccess()
		m.Advance(second - tick)
		assert.Equal(t, 1, m.State().Attempt)
		m.Advance(tick)
		assert.Equal(t, 0, m.State().Attempt)
	})
	t.Run("counted failures delay it, however long the clock runs", func(t *testing.T) {
		m := model.At(backsOff(), state{halfOpen, 6, 4, 3, 1, 3})
		m.Success(6)
		m.RecordFailure()
		m.Advance(math.MaxInt64 - math.MaxInt64%(10*second) + 3*second)
		assert.Equal(t, 5, m.State().Attempt)
		m.RecordSuccess()
		m.Advance(7*second - tick)
		assert.Equal(t, 5, m.State().Attempt)
		m.Advance(tick)
		assert.Equal(t, 2, m.State().Attempt)
	})
	t.Run("it lasts 10 ms at least", func(t *testing.T) {
		c := usual()
		c.RecoveryTimeout = tick
		m := model.At(c, closing)
		m.Success(6)
		m.Advance(10*time.Millisecond - tick)
		assert.Equal(t, 1, m.State().Attempt)
		m.Advance(tick)
		assert.Equal(t, 0, m.State().Attempt)
	})
	t.Run("a posted event starts no timer, and replaces none", func(t *testing.T) {
		m := model.At(usual(), state{closed, 6, 5, 0, 0, 0})
		m.Elapsed(6, 0)
		m.Advance(time.Hour)
		assert.Equal(t, 2, m.State().Attempt, "no timer")

		m = model.At(usual(), state{halfOpen, 6, 4, 3, 1, 3})
		m.Success(6)
		m.Advance(5 * second)
		m.Elapsed(7, 0)
		assert.Equal(t, 2, m.State().Attempt)
		m.Advance(5*second - tick)
		assert.Equal(t, 2, m.State().Attempt)
		m.Advance(tick)
		assert.Equal(t, 1, m.State().Attempt)
	})
	t.Run("a timer of an earlier closed period does not start again", func(t *testing.T) {
		c := backsOff()
		c.SuccessThreshold = 1
		m := model.At(c, state{halfOpen, 6, 0, 3, 1, 0})
		m.Success(6)
		m.Advance(7 * second)
		m.Trip()
		m.Elapsed(8, 0)
		m.Admit()
		m.Success(9) // closed again, 3 s before the first timer fires
		assert.Equal(t, state{closed, 10, 2, 0, 0, 0}, m.State())
		for _, want := range [][2]int{{2, 1}, {1, 0}} {
			m.Advance(10*second - tick)
			assert.Equal(t, want[0], m.State().Attempt, "just before")
			m.Advance(tick)
			assert.Equal(t, want[1], m.State().Attempt, "at the time")
		}
	})
	t.Run("after Reset on a closed breaker it has no effect", func(t *testing.T) {
		m := model.At(usual(), closing)
		m.Success(6)
		m.Reset()
		m.Transitions()
		m.Advance(time.Hour)
		assert.Equal(t, state{closed, 7, 0, 0, 0, 0}, m.State())
		assert.Nil(t, m.Transitions())
	})
	t.Run("a sink that fails again at once continues its back-off", func(t *testing.T) {
		m := model.At(backsOff(), closing)
		m.Success(6)
		m.Advance(second)
		m.Trip()
		stays(t, m, cooling, 20*second, due)
		assert.Equal(t, 1, m.State().Attempt, "the stability timer was of another generation")
	})
	t.Run("without a recovery timeout closing clears attempt at once", func(t *testing.T) {
		m := model.At(atOnce(), state{halfOpen, 6, 5, 3, 1, 3})
		m.Success(6)
		assert.Equal(t, state{closed, 7, 0, 0, 0, 0}, m.State())
		assert.Equal(t, one("half_open", "closed", 7, "probe_succeeded", 0, 0), m.Transitions())
	})
}

func TestStabilityTimeout(t *testing.T) {
	for recovery, want := range map[time.Duration]time.Duration{
		0: 0, tick: 10 * time.Millisecond, 10 * time.Millisecond: 10 * time.Millisecond,
		10*time.Millisecond + tick: 10*time.Millisecond + tick, time.Hour: time.Hour,
	} {
		c := backsOff()
		c.RecoveryTimeout = recovery
		assert.Equal(t, want, model.New(c).StabilityTimeout(), recovery)
	}
}
