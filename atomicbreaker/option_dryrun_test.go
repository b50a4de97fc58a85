// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// requireGranted requires that b admits every call and counts none of their outcomes.
func requireGranted(t *testing.T, b *atomicbreaker.Breaker) {
	t.Helper()
	before := b.Word()
	require.True(t, b.Allow())
	p, ok := b.TryAcquire()
	require.True(t, ok)
	require.Zero(t, p, "spent")
	p.Failure()
	for name, do := range doers {
		ran := false
		want := &sinkError{1}
		require.Same(t, want, do(b, func() error { ran = true; return want }), name)
		require.True(t, ran, name)
		require.NoError(t, do(b, func() error { return nil }), name)
		value := &sinkError{2}
		require.Same(t, value, recovered(func() { _ = do(b, func() error { panic(value) }) }), name)
	}
	require.Equal(t, before, b.Word())
}

func TestDryRun_RejectsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithDryRun(), atomicbreaker.WithFailureThreshold(2))
		for range 2 {
			require.ErrorIs(t, b.Do(down), errDown)
		}
		require.Equal(t, atomicbreaker.Open, b.State())
		requireGranted(t, b) // cooling
		pass(30*time.Second - 1)
		requireGranted(t, b)
		pass(1)

		probe := acquired(t, b)
		require.Equal(t, atomicbreaker.HalfOpen, b.State())
		require.Equal(t, uint32(2), probe.Generation(), "the probe's permit belongs to another period")
		requireGranted(t, b) // no place free
		probe.Failure()
		require.Equal(t, 1, b.Snapshot().Attempt)
		requireGranted(t, b)

		pass(30 * time.Second)
		require.NoError(t, b.Do(up))
		require.Equal(t, atomicbreaker.Closed, b.State())
		b.ForceOpen()
		requireGranted(t, b)
		require.Equal(t, []atomicbreaker.Cause{
			atomicbreaker.CauseFailureThreshold, atomicbreaker.CauseProbeAdmitted, atomicbreaker.CauseProbeFailed,
			atomicbreaker.CauseProbeAdmitted, atomicbreaker.CauseProbeSucceeded, atomicbreaker.CauseForced,
		}, l.causes())
	})
}

// An error with a retry-after time opens a dry breaker too. A slow call that reports through a
// spent permit is not counted.
func TestDryRun_WithTheOtherOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithDryRun(), atomicbreaker.WithSlowThreshold(time.Second),
			atomicbreaker.WithRetryAfter(waitOf))
		_ = b.Do(func() error { return &tooMany{time.Minute} })
		require.Equal(t, 61*time.Second, b.RetryAfter())
		before := b.Word()
		require.NoError(t, b.Do(func() error { time.Sleep(2 * time.Second); return nil }))
		_ = b.Do(func() error { return &tooMany{time.Hour} })
		require.Equal(t, before, b.Word())
		require.Len(t, l.all(), 1)
	})
}

// Allow returns no permit. The outcome of a caller that would have been rejected can therefore
// count as the probe's.
func TestDryRun_OutcomesWithoutAPermitCount(t *testing.T) {
	b, _ := kept(t, atomicbreaker.WithDryRun(), atomicbreaker.WithRecoveryTimeout(0))
	b.Trip()
	require.True(t, b.Allow())
	require.True(t, b.Allow(), "a dry run rejected a call")
	b.RecordFailure()
	require.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.Open, ProbeDue: true, Generation: 3, Attempt: 1}, b.Snapshot())
}
