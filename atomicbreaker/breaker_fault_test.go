// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// Each of these tests covers a fault that other circuit breakers have had.

func TestFault_SuccessAdmittedBeforeTheTripDoesNotClose(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithHalfOpenMaxCalls(2))
	var late [12]atomicbreaker.Permit
	for i := range late {
		late[i] = acquired(t, b)
	}
	b.Trip()
	for i := range late {
		if i == 6 {
			_ = acquired(t, b) // half-open from here on
		}
		late[i].Success()
		require.NotEqual(t, atomicbreaker.Closed, b.State())
	}
	require.Len(t, l.all(), 2)
}

// A timer of a period that Reset ended must not affect the next period (I3), however close to its
// expiry the Reset was.
func TestFault_ResetNearTheTimersExpiry(t *testing.T) {
	for _, at := range []time.Duration{time.Second - 1, time.Second, time.Second + 1} {
		synctest.Test(t, func(t *testing.T) {
			b, l := kept(t, atomicbreaker.WithRecoveryTimeout(time.Second))
			b.Trip()
			time.Sleep(at) // at 1 s the timer and this goroutine race
			b.Reset()
			require.Equal(t, atomicbreaker.Snapshot{Generation: 2}, b.Snapshot())
			b.Trip()
			synctest.Wait()
			pass(time.Second - 1)
			require.False(t, b.Allow(), "admitted before the recovery timeout of the second trip")
			require.False(t, b.Snapshot().ProbeDue)
			pass(1)
			require.True(t, b.Allow())
			require.Len(t, l.all(), 4)
		})
	}
}

// The same with a timer's event that races: it arrives before the Reset, after it or after the new
// trip. In no case does it make the new period due.
func TestFault_ResetRacesTheTimer(t *testing.T) {
	for range 2000 {
		b, l := kept(t)
		b.Trip()
		together(2, func(i int) {
			if i == 0 {
				b.Elapsed(1, 0)
			} else {
				b.Reset()
				b.Trip()
			}
		})
		require.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.Open, Generation: 3}, b.Snapshot())
		require.Len(t, l.all(), 3)
	}
}

func TestFault_PanickingProbeReopens(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithRecoveryTimeout(0))
	b.Trip()
	for round := range 3 {
		require.PanicsWithValue(t, "probe", func() { _ = b.Do(func() error { panic("probe") }) })
		require.Equal(t, atomicbreaker.Snapshot{
			State: atomicbreaker.Open, ProbeDue: true, Generation: uint32(3 + 2*round), Attempt: round + 1,
		}, b.Snapshot())
	}
	require.NoError(t, b.Do(func() error { return nil }), "a probe's place was lost")
	require.Equal(t, atomicbreaker.CauseProbeSucceeded, l.causes()[len(l.causes())-1])
}

func TestFault_GoexitingProbeReopens(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithRecoveryTimeout(0))
	b.Trip()
	for round := range 3 {
		returned := true
		within(t, func() {
			done := make(chan struct{})
			go func() {
				defer close(done)
				returned = false
				_, _ = atomicbreaker.Call(b, func() (int, error) { runtime.Goexit(); return 0, nil })
				returned = true
			}()
			<-done
		})
		require.False(t, returned, "Goexit was swallowed")
		require.Equal(t, round+1, b.Snapshot().Attempt)
		require.Equal(t, atomicbreaker.Open, b.State())
	}
	require.NoError(t, b.Do(func() error { return nil }))
	require.Len(t, l.all(), 9)
}

func TestFault_CanceledProbeFreesItsPlace(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithRecoveryTimeout(0))
	b.Trip()
	for range 3 {
		p := acquired(t, b)
		require.ErrorIs(t, b.Do(func() error { return nil }), atomicbreaker.ErrTooManyProbes)
		p.Cancel()
		require.Zero(t, b.Snapshot().HalfOpenCalls)
		// A caller that gives up says nothing about the sink.
		require.ErrorIs(t, b.Do(func() error { return context.Canceled }), context.Canceled)
		require.Zero(t, b.Snapshot().HalfOpenCalls)
	}
	require.Equal(t, atomicbreaker.HalfOpen, b.State())
	require.Len(t, l.all(), 2)
	require.NoError(t, b.Do(func() error { return nil }))
	require.Equal(t, atomicbreaker.Closed, b.State())
}

// A rejected call is not a failure of the sink. If it were, an open breaker would keep itself open.
func TestFault_RejectionsNeverEnterTheCounts(t *testing.T) {
	reject := func(b *atomicbreaker.Breaker) {
		for range 100 {
			require.False(t, b.Allow())
			p, ok := b.TryAcquire()
			require.False(t, ok)
			require.Zero(t, p)
			p.Failure()
			require.ErrorIs(t, b.Do(func() error { return nil }), atomicbreaker.ErrRejected)
			_, err := atomicbreaker.Call(b, func() (int, error) { return 0, nil })
			require.ErrorIs(t, err, atomicbreaker.ErrRejected)
		}
	}
	b, l := kept(t, atomicbreaker.WithHalfOpenMaxCalls(2), atomicbreaker.WithFailureThreshold(3))
	steps := []func(){
		func() { b.RecordFailure(); b.RecordFailure(); b.RecordFailure() },
		func() { b.Elapsed(1, 0); _, _ = b.Allow(), b.Allow() },
		b.ForceOpen,
	}
	for i, step := range steps {
		step()
		before := b.Snapshot()
		reject(b)
		require.Equal(t, before, b.Snapshot())
		require.Len(t, l.all(), i+1)
	}
}

// Closing takes four successes, a record comes every 15 s and a probe may take 30 s. The timer of
// an earlier record must not affect a later one.
func TestFault_SlowTrafficCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithRecoveryTimeout(10*time.Second), atomicbreaker.WithSuccessThreshold(4),
			atomicbreaker.WithProbeTimeout(30*time.Second))
		b.Trip()
		for range 4 {
			pass(15 * time.Second)
			p := acquired(t, b)
			pass(14 * time.Second) // slow, but successful
			p.Success()
		}
		require.Equal(t, atomicbreaker.Closed, b.State())
		pass(time.Hour)
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Len(t, l.all(), 3)
	})
}

// A lost probe costs one probe timeout, also after successes of other probes.
func TestFault_LostProbeAmongSuccessesReopens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithSuccessThreshold(4),
			atomicbreaker.WithHalfOpenMaxCalls(2), atomicbreaker.WithProbeTimeout(30*time.Second))
		b.Trip()
		_ = acquired(t, b) // never reported
		pass(20 * time.Second)
		p := acquired(t, b)
		p.Success()
		pass(20 * time.Second) // the first one has timed out, but a probe has succeeded since
		require.Equal(t, atomicbreaker.HalfOpen, b.State())
		_ = acquired(t, b) // nor this one
		pass(30*time.Second - 1)
		require.Equal(t, atomicbreaker.HalfOpen, b.State())
		pass(1)
		require.Equal(t, atomicbreaker.Open, b.State())
		require.Equal(t, atomicbreaker.CauseProbeTimedOut, l.causes()[2])
	})
}

// A probe timer that fires with no probe in flight must not be the last one: a later probe of the
// same period has a timer too (I9).
func TestFault_ProbeAfterAnIdleTimeoutHasATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(30*time.Second))
		b.Trip()
		for range 3 {
			p := acquired(t, b)
			p.Cancel()
			pass(time.Minute)
			require.Equal(t, atomicbreaker.HalfOpen, b.State())
		}
		_ = acquired(t, b) // never reported
		pass(30*time.Second - 1)
		require.Equal(t, atomicbreaker.HalfOpen, b.State())
		pass(1)
		require.Equal(t, atomicbreaker.Open, b.State())
	})
}

// A sink that takes one record and fails the next is not healthy, although each of its recoveries
// succeeds.
func TestFault_FlappingSinkBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := kept(t, atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(time.Second),
			atomicbreaker.WithBackoff(5*time.Second))
		requireOpenFor := func(d time.Duration) {
			t.Helper()
			require.Equal(t, atomicbreaker.Open, b.State())
			require.Equal(t, d, b.RetryAfter())
			pass(d - 1)
			require.False(t, b.Allow())
			pass(1)
			require.NoError(t, b.Do(func() error { return nil }))
			require.Equal(t, atomicbreaker.Closed, b.State())
		}
		for _, seconds := range []int{1, 2, 4, 5, 5} {
			b.RecordFailure()
			requireOpenFor(time.Duration(seconds) * time.Second)
		}
		// Each plain recovery timeout without a failure, and nothing shorter, forgives half of the
		// attempts.
		for _, attempt := range []int{5, 2, 1} {
			require.Equal(t, attempt, b.Snapshot().Attempt)
			pass(time.Second - 1)
			require.Equal(t, attempt, b.Snapshot().Attempt)
			pass(1)
		}
		require.Equal(t, 0, b.Snapshot().Attempt)
		b.RecordFailure()
		requireOpenFor(time.Second)
	})
}

func TestFault_FailedProbesBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(time.Second), atomicbreaker.WithBackoff(time.Hour))
		b.Trip()
		want := time.Second
		for range 20 {
			require.Equal(t, want, b.RetryAfter())
			pass(want - 1)
			require.False(t, b.Allow())
			pass(1)
			require.Error(t, b.Do(func() error { return errDown }))
			want = min(2*want, time.Hour)
		}
	})
}

// Jitter lengthens a timeout, also beyond the cap, and never shortens it.
func TestFault_JitterIsNeverEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(time.Second), atomicbreaker.WithBackoff(time.Second),
			atomicbreaker.WithJitter(0.5))
		var longest time.Duration
		for range 200 {
			b.Trip()
			d := b.RetryAfter()
			require.GreaterOrEqual(t, d, time.Second)
			require.LessOrEqual(t, d, 1500*time.Millisecond)
			longest = max(longest, d)
			pass(d - 1)
			require.False(t, b.Allow())
			pass(1)
			require.True(t, b.Allow())
			b.Reset()
		}
		require.Greater(t, longest, 1400*time.Millisecond)
	})
}

// The answer with a time to wait arrives just after another call's failure opened the breaker.
// Neither the timer of that opening nor the late arrival may shorten the wait.
func TestFault_TripForJustAfterAnothersTripHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(time.Second))
		b.RecordFailure()
		pass(time.Second / 2)
		b.TripFor(time.Minute)
		require.Equal(t, 61*time.Second, b.RetryAfter())
		pass(61*time.Second - 1)
		require.False(t, b.Allow())
		pass(1)
		require.True(t, b.Snapshot().ProbeDue)

		b.TripFor(time.Second) // due, and the sink asks for a longer wait
		require.False(t, b.Allow())
		pass(1100 * time.Millisecond)
		require.True(t, b.Allow())
		require.Equal(t, []atomicbreaker.Cause{
			atomicbreaker.CauseFailureThreshold, atomicbreaker.CauseTripped, atomicbreaker.CauseTripped,
			atomicbreaker.CauseProbeAdmitted,
		}, l.causes())
		require.Equal(t, atomicbreaker.Open, l.all()[1].From)
	})
}

func TestFault_RecoveryTimeoutOfZeroStillHonorsTripFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(0))
		b.TripFor(time.Second)
		assert.False(t, b.Allow())
		pass(1100*time.Millisecond - 1)
		assert.False(t, b.Allow())
		pass(1)
		assert.True(t, b.Allow())
	})
}
