// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// tick is the smallest step of time.
const tick = time.Nanosecond

// wait advances the clock by d and runs everything that is due by then.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// coolsFor checks that b is open with d left, that no probe is due before d is over, and that one
// is due then.
func coolsFor(t *testing.T, b *atomicbreaker.Breaker, d time.Duration) {
	t.Helper()
	require.Equal(t, atomicbreaker.Open, b.State())
	require.Equal(t, d, b.RetryAfter())
	wait(d - tick)
	require.False(t, b.Snapshot().ProbeDue, "due too early")
	require.Equal(t, tick, b.RetryAfter())
	require.False(t, b.Allow(), "a probe was admitted too early")
	wait(tick)
	require.True(t, b.Snapshot().ProbeDue, "not due in time")
	require.Zero(t, b.RetryAfter())
	require.Equal(t, atomicbreaker.Open, b.State(), "left open without a call")
}

// probe takes the permit of a probe that is due.
func probe(t *testing.T, b *atomicbreaker.Breaker) atomicbreaker.Permit {
	t.Helper()
	p, ok := b.TryAcquire()
	require.True(t, ok, "no probe admitted")
	require.Equal(t, atomicbreaker.HalfOpen, b.State())
	return p
}

// recovers makes one probe that is due; it succeeds and closes b.
func recovers(t *testing.T, b *atomicbreaker.Breaker) {
	t.Helper()
	p := probe(t, b)
	p.Success()
	require.Equal(t, atomicbreaker.Closed, b.State())
}

func TestVirtualTime_RecoveryIsNeverEarlyAndDueExactlyAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(3), atomicbreaker.WithRecoveryTimeout(10*time.Second))
		for range 3 {
			assert.Zero(t, b.RetryAfter())
			b.RecordFailure()
		}
		coolsFor(t, b, 10*time.Second)
		wait(time.Hour)
		assert.True(t, b.Snapshot().ProbeDue, "no longer due without a call")
		assert.True(t, b.Allow())
		assert.Equal(t, atomicbreaker.HalfOpen, b.State())
	})
}

func TestVirtualTime_FailuresWhileOpenDoNotRestartTheRecoveryTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(10*time.Second))
		b.RecordFailure()
		wait(6 * time.Second)
		b.RecordFailure()
		b.Trip()
		coolsFor(t, b, 4*time.Second)
	})
}

func TestVirtualTime_BackoffDoublesUpToTheCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1),
			atomicbreaker.WithRecoveryTimeout(10*time.Second), atomicbreaker.WithBackoff(70*time.Second))
		b.RecordFailure()
		// This is long enough for attempt to saturate, at 31.
		for attempt := range 40 {
			want := 70 * time.Second
			if attempt < 3 {
				want = 10 * time.Second << attempt
			}
			coolsFor(t, b, want)
			require.Equal(t, min(attempt, 31), b.Snapshot().Attempt)
			p := probe(t, b)
			p.Failure()
		}
	})
}

func TestVirtualTime_WithoutBackoffEveryAttemptCoolsEquallyLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(10*time.Second))
		b.RecordFailure()
		for range 5 {
			coolsFor(t, b, 10*time.Second)
			p := probe(t, b)
			p.Failure()
		}
		assert.Equal(t, 5, b.Snapshot().Attempt)
	})
}

// Each recovery looks like a success and lasts for one record. If closing cleared the attempt, the
// sink would be probed every ten seconds forever.
func TestVirtualTime_ASinkThatTakesOneRecordAndFailsTheNextBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tripped []int
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1),
			atomicbreaker.WithRecoveryTimeout(10*time.Second), atomicbreaker.WithBackoff(60*time.Second),
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				if tr.Cause == atomicbreaker.CauseFailureThreshold {
					tripped = append(tripped, tr.Attempt)
				}
			}))
		broken := errors.New("broken pipe")
		for _, seconds := range []int{10, 20, 40, 60, 60} {
			require.ErrorIs(t, b.Do(func() error { return broken }), broken)
			coolsFor(t, b, time.Duration(seconds)*time.Second)
			require.NoError(t, b.Do(func() error { return nil }))
			require.Equal(t, atomicbreaker.Closed, b.State())
		}
		assert.Equal(t, []int{0, 1, 2, 3, 4}, tripped)
	})
}

func TestVirtualTime_EachStableRecoveryTimeoutForgivesHalfOfTheAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2),
			atomicbreaker.WithRecoveryTimeout(10*time.Second), atomicbreaker.WithBackoff(time.Hour))
		b.Trip()
		wait(10 * time.Second)
		p := probe(t, b)
		p.Failure() // attempt 1
		wait(20 * time.Second)
		p = probe(t, b)
		p.Failure() // attempt 2
		wait(40 * time.Second)
		recovers(t, b) // attempt 3
		want := atomicbreaker.Snapshot{State: atomicbreaker.Closed, Generation: b.Snapshot().Generation, Attempt: 3}
		require.Equal(t, want, b.Snapshot())

		// Each step takes 10 s, whatever the back-off.
		wait(10*time.Second - tick)
		require.Equal(t, want, b.Snapshot(), "forgiven too early")
		wait(tick)
		want.Attempt = 1
		require.Equal(t, want, b.Snapshot(), "want half of the attempts, rounded down, and no transition")

		b.RecordFailure()
		want.Failures = 1
		wait(10 * time.Second)
		require.Equal(t, want, b.Snapshot(), "forgiven while a failure is counted")
		b.RecordSuccess()
		want.Failures = 0
		wait(10*time.Second - tick)
		require.Equal(t, want, b.Snapshot())
		wait(tick)
		want.Attempt = 0
		require.Equal(t, want, b.Snapshot())

		b.RecordFailure()
		b.RecordFailure()
		coolsFor(t, b, 10*time.Second)
	})
}

// The stability timer of a closed period that did not last fires in a later period, and must have
// no effect there (I3).
func TestVirtualTime_TheStabilityTimerOfAnEarlierClosingClearsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1),
			atomicbreaker.WithRecoveryTimeout(10*time.Second), atomicbreaker.WithBackoff(time.Hour))
		b.Trip()
		wait(10 * time.Second)
		recovers(t, b) // attempt 1: stable 10 s from here
		wait(5 * time.Second)
		b.TripFor(time.Second)
		wait(1100 * time.Millisecond)
		recovers(t, b) // attempt 2: stable 10 s from here
		wait(3900 * time.Millisecond)
		require.Equal(t, 2, b.Snapshot().Attempt, "the timer of the first closing had an effect")
		wait(6100*time.Millisecond - tick)
		require.Equal(t, 2, b.Snapshot().Attempt)
		wait(tick)
		require.Equal(t, 1, b.Snapshot().Attempt)
	})
}

func TestVirtualTime_WithoutRecoveryTimeoutClosingClearsTheAttemptAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0),
			atomicbreaker.WithBackoff(time.Hour), atomicbreaker.WithJitter(3))
		b.RecordFailure()
		require.True(t, b.Snapshot().ProbeDue, "not due at once in spite of a timeout of 0")
		p := probe(t, b)
		p.Failure()
		require.True(t, b.Snapshot().ProbeDue)
		require.Equal(t, 1, b.Snapshot().Attempt)
		recovers(t, b)
		require.Zero(t, b.Snapshot().Attempt)
	})
}
