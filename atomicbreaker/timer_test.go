// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// A superfluous timer has no visible effect, because its event changes nothing. It does cost an
// allocation, and that is what these tests measure.

// Opening arms one timer. The test compares its allocations with those of an opening that arms
// none.
func TestCost_OneTimerForAnOpening(t *testing.T) {
	skipUnderRace(t)
	opening := func(recovery time.Duration) float64 {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(recovery))
		return testing.AllocsPerRun(200, func() { b.Trip(); b.Reset() })
	}
	assert.Zero(t, opening(0))
	// These are the breaker's timer, the runtime's, and the callback with its captured variables.
	assert.LessOrEqual(t, opening(24*time.Hour), 4.0)
}

// Closing arms the stability timer. Failures that are counted until it fires arm no other.
func TestCost_NoTimerForACountedFailure(t *testing.T) {
	skipUnderRace(t)
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(24*time.Hour))
	b.Start(word.Pack(word.Fields{Generation: 7, Attempt: 3}))
	assert.Zero(t, testing.AllocsPerRun(200, func() { b.RecordFailure(); b.RecordSuccess() }))
}

// The timer is armed before the transition is published (I6): a hook may call RetryAfter, and a
// hook that ends its goroutine must not leave the breaker open forever.
func TestHook_ComesAfterTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *atomicbreaker.Breaker
		var left []time.Duration
		b = atomicbreaker.MustNew(
			"sink", atomicbreaker.WithRecoveryTimeout(time.Second),
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				if tr.To == atomicbreaker.Open {
					left = append(left, b.RetryAfter())
					runtime.Goexit()
				}
			}),
		)
		assert.False(t, aside(func() { b.TripFor(time.Hour) }))
		assert.Equal(t, []time.Duration{time.Hour + time.Second}, left)
		pass(time.Hour + time.Second)
		assert.True(t, b.Snapshot().ProbeDue)
	})
}

// A timer may fire late. RetryAfter is then 0, not negative.
func TestRetryAfter_IsNeverNegative(t *testing.T) {
	b := atomicbreaker.MustNew("sink")
	b.StartCooling(word.Pack(word.Fields{Phase: word.Cooling, Generation: 1}), -time.Second)
	assert.Zero(t, b.RetryAfter())
}

// The timeout doubles while the result does not exceed the cap, exact to the nanosecond.
func TestBackoff_MeetsItsCapExactly(t *testing.T) {
	for _, tt := range []struct {
		maximum time.Duration
		want    [4]time.Duration
	}{
		{10, [4]time.Duration{10, 10, 10, 10}},
		{19, [4]time.Duration{10, 19, 19, 19}},
		{20, [4]time.Duration{10, 20, 20, 20}},
		{21, [4]time.Duration{10, 20, 21, 21}},
		{41, [4]time.Duration{10, 20, 40, 41}},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(10), atomicbreaker.WithBackoff(tt.maximum))
			for attempt, want := range tt.want {
				b.Start(word.Pack(word.Fields{Attempt: uint32(attempt)}))
				b.Trip()
				assert.Equal(t, want, b.RetryAfter(), "cap %v, attempt %d", tt.maximum, attempt)
			}
		})
	}
}
