// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

func TestControl_ForcedStatesHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(time.Second))
		for _, tt := range []struct {
			force  func()
			state  atomicbreaker.State
			admits bool
		}{
			{b.ForceOpen, atomicbreaker.ForcedOpen, false},
			{b.ForceClosed, atomicbreaker.ForcedClosed, true},
		} {
			tt.force()
			made := len(l.all())
			for _, call := range []func(){
				tt.force, b.Trip, func() { b.TripFor(time.Second) }, func() { b.TripFor(-1) }, b.RecordFailure,
				b.RecordSuccess, func() { pass(time.Hour) },
				func() {
					p, _ := b.TryAcquire()
					p.Failure()
				},
			} {
				call()
				require.Equal(t, tt.state, b.State())
				require.Equal(t, tt.admits, b.Allow())
				require.Zero(t, b.RetryAfter())
				require.Len(t, l.all(), made)
			}
		}
		b.ForceOpen() // between the forced states and back
		require.Equal(t, atomicbreaker.ForcedOpen, b.State())
		b.Reset()
		require.Equal(t, atomicbreaker.Snapshot{Generation: 4}, b.Snapshot())
	})
}

func TestControl_ResetClosesFromAnyPhase(t *testing.T) {
	for phase := range word.Phase(8) {
		for _, generation := range []uint32{3, word.MaxGeneration} {
			b, l := kept(t)
			b.Start(word.Pack(word.Fields{Phase: phase, Generation: generation, Attempt: 7, Failures: 4}))
			b.Reset()
			if phase == word.Closed {
				require.Equal(t, atomicbreaker.Snapshot{Generation: generation}, b.Snapshot(), "counts cleared")
				require.Empty(t, l.all(), "Reset of a closed breaker made a transition")
				continue
			}
			require.Equal(t, atomicbreaker.Snapshot{Generation: (generation + 1) & word.MaxGeneration}, b.Snapshot())
			require.Len(t, l.all(), 1)
			require.True(t, b.Allow())
		}
	}
}

// No sequence of calls reaches the two unused phase values. A breaker in one of them rejects every
// call until Reset.
func TestControl_UnusedPhasesRejectEveryCall(t *testing.T) {
	for phase := word.Phase(6); phase < 8; phase++ {
		b, _ := kept(t)
		b.Start(word.Pack(word.Fields{Phase: phase, Generation: 1}))
		require.Equal(t, atomicbreaker.ForcedOpen, b.State())
		require.Equal(t, atomicbreaker.ForcedOpen, b.Snapshot().State)
		require.False(t, b.Allow())
		require.ErrorIs(t, b.Do(func() error { return nil }), atomicbreaker.ErrOpen)
		b.Reset()
		require.True(t, b.Allow())
	}
}

func TestControl_Trip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithRecoveryTimeout(10*time.Second))
		b.Trip()
		pass(6 * time.Second)
		b.Trip() // already open: restarts and publishes nothing
		require.Equal(t, 4*time.Second, b.RetryAfter())
		pass(4 * time.Second)
		b.Trip() // due
		require.True(t, b.Allow())
		b.Trip() // half-open: voids the probe in flight
		b.RecordSuccess()
		require.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.Open, Generation: 3}, b.Snapshot())
		require.Equal(t, 10*time.Second, b.RetryAfter())
		require.Len(t, l.all(), 3)
	})
}

func TestControl_TripFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithRecoveryTimeout(time.Hour), atomicbreaker.WithBackoff(time.Hour),
			atomicbreaker.WithJitter(1))
		b.TripFor(90 * time.Second)
		require.Equal(t, 91*time.Second, b.RetryAfter(), "without jitter, with a slack of 1 s")
		pass(time.Minute)
		b.TripFor(31 * time.Second) // no longer than the time left
		require.Equal(t, 31*time.Second, b.RetryAfter())
		require.Len(t, l.all(), 1)
		b.TripFor(31*time.Second + 1)
		require.Equal(t, 32*time.Second+1, b.RetryAfter())
		require.Len(t, l.all(), 2)
		pass(32 * time.Second)
		require.False(t, b.Allow())
		pass(1)
		require.True(t, b.Allow())
		b.TripFor(5 * time.Second) // half-open
		require.Equal(t, 5500*time.Millisecond, b.RetryAfter(), "a slack of a tenth")
		require.Len(t, l.all(), 4)
	})
}

// TripFor with no time to wait is Trip.
func TestControl_TripForZeroIsTrip(t *testing.T) {
	for _, d := range []time.Duration{0, -1, -time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			b, l := kept(t, atomicbreaker.WithRecoveryTimeout(time.Minute))
			b.TripFor(d)
			require.Equal(t, time.Minute, b.RetryAfter())
			pass(time.Second)
			b.TripFor(d)
			require.Equal(t, time.Minute-time.Second, b.RetryAfter(), "it was open")
			require.Len(t, l.all(), 1)
		})
	}
}

func TestControl_RetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(10*time.Second))
		require.Zero(t, b.RetryAfter(), "closed")
		b.Trip()
		for left := 10 * time.Second; left > 0; left -= time.Second {
			require.Equal(t, left, b.RetryAfter())
			pass(time.Second)
		}
		require.Zero(t, b.RetryAfter(), "due")
		require.True(t, b.Allow())
		require.Zero(t, b.RetryAfter(), "half-open")
		b.RecordFailure()
		require.Equal(t, 10*time.Second, b.RetryAfter())
		b.Reset()
		require.Zero(t, b.RetryAfter(), "a closed breaker has time left")
	})
}

// Misuse leaves the breaker valid: the test reports outcomes without an admission in every phase.
func TestControl_OutcomesWithoutAdmissionAreBounded(t *testing.T) {
	for phase := word.Closed; phase <= word.Cooling; phase++ {
		for sequence := range 1 << 8 {
			b, l := kept(t, atomicbreaker.WithFailureThreshold(3), atomicbreaker.WithHalfOpenMaxCalls(2),
				atomicbreaker.WithSuccessThreshold(2))
			b.Start(word.Pack(word.Fields{Phase: phase, Generation: word.MaxGeneration, Attempt: 31, Failures: 2}))
			for bit := range 8 {
				if sequence>>bit&1 == 0 {
					b.RecordSuccess()
				} else {
					b.RecordFailure()
				}
				s := b.Snapshot()
				require.LessOrEqual(t, s.Failures, 3)
				require.Equal(t, 31, s.Attempt)
				require.Zero(t, s.HalfOpenCalls+s.HalfOpenSuccesses)
			}
			if phase == word.Closed {
				require.LessOrEqual(t, len(l.all()), 1)
			} else {
				require.Equal(t, word.Pack(word.Fields{Phase: phase, Generation: word.MaxGeneration, Attempt: 31, Failures: 2}), b.Word(), "the outcomes changed the state")
			}
			b.Reset()
			require.True(t, b.Allow())
		}
	}
}
