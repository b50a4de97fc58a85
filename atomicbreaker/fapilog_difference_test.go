// SPDX-License-Identifier: Apache-2.0

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

// Each of these tests shows one difference from fapilog's circuit breaker.

var errDown = errors.New("sink is down")

// pass advances the clock by d and runs everything that is due by then.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// In fapilog, a failure while open restarts the recovery timeout and is announced as another
// opening. The retries of one admitted call kept a sink cut off for as long as they continued.
func TestDifference_FailureWhileOpenChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(10*time.Second))
		early, ok := b.TryAcquire()
		require.True(t, ok)
		b.RecordFailure()
		b.RecordFailure()
		opened := b.Snapshot()
		for range 9 {
			pass(time.Second)
			b.RecordFailure()
			b.RecordFailure()
		}
		early.Failure()
		require.Equal(t, opened, b.Snapshot())
		require.Len(t, l.all(), 1, "announced once")

		pass(time.Second - 1)
		require.False(t, b.Allow(), "not early")
		pass(1)
		require.True(t, b.Allow(), "not late")
	})
}

// In fapilog, a probe that never reports keeps its place forever, and the sink never returns.
func TestDifference_SilentProbesReopen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithRecoveryTimeout(time.Second), atomicbreaker.WithProbeTimeout(5*time.Second),
			atomicbreaker.WithHalfOpenMaxCalls(2))
		b.Trip()
		pass(time.Second)
		require.True(t, b.Allow())
		require.True(t, b.Allow())
		pass(5*time.Second - 1)
		require.Equal(t, atomicbreaker.HalfOpen, b.State())
		require.False(t, b.Allow())
		pass(1)
		require.Equal(t, atomicbreaker.Open, b.State())
		require.Equal(t, 1, b.Snapshot().Attempt)

		pass(time.Second)
		require.True(t, b.Allow())
		b.RecordSuccess()
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Equal(t, []atomicbreaker.Cause{
			atomicbreaker.CauseTripped, atomicbreaker.CauseProbeAdmitted, atomicbreaker.CauseProbeTimedOut,
			atomicbreaker.CauseProbeAdmitted, atomicbreaker.CauseProbeSucceeded,
		}, l.causes())
	})
}

// A probe timeout of 0 restores the behavior of fapilog.
func TestDifference_SilentProbesKeepTheirPlaceWithoutATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0))
		b.Trip()
		require.True(t, b.Allow())
		pass(1000 * time.Hour)
		require.Equal(t, atomicbreaker.HalfOpen, b.State())
	})
}

// In fapilog, an outcome does not identify its call. A success from before the outage closes the
// circuit while the probe is in flight, and a failure reopens it.
func TestDifference_LateOutcomeIsNotTheProbes(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithRecoveryTimeout(0))
	before := acquired(t, b)
	alsoBefore := acquired(t, b)
	andAlso := acquired(t, b)
	b.Trip()
	probe := acquired(t, b)
	require.Less(t, before.Generation(), probe.Generation())
	during := b.Snapshot()

	before.Success()
	alsoBefore.Failure()
	andAlso.Cancel()
	require.Equal(t, during, b.Snapshot())

	probe.Success()
	require.Equal(t, atomicbreaker.Closed, b.State())
	require.Len(t, l.all(), 3)
}

// In fapilog, a probe that is in flight when another one fails keeps its place in the next
// half-open period.
func TestDifference_EveryHalfOpenPeriodStartsEmpty(t *testing.T) {
	b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithHalfOpenMaxCalls(3),
		atomicbreaker.WithSuccessThreshold(3))
	b.Trip()
	for range 5 {
		first, second := acquired(t, b), acquired(t, b)
		third := acquired(t, b)
		require.False(t, b.Allow())
		third.Success()
		require.Equal(t, 1, b.Snapshot().HalfOpenSuccesses)
		first.Failure()
		require.Equal(t, atomicbreaker.Open, b.State())

		next := acquired(t, b)
		second.Cancel() // of the previous period: frees no place in this one
		s := b.Snapshot()
		require.Equal(t, 1, s.HalfOpenCalls)
		require.Equal(t, 0, s.HalfOpenSuccesses)
		next.Failure()
	}
}

// In fapilog, half-open is never announced, but each failed probe announces an opening. A caller
// that counts openings and closings gets wrong totals.
func TestDifference_HalfOpenIsAnnounced(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(0))
	b.RecordFailure()
	b.RecordFailure()
	require.True(t, b.Allow())
	b.RecordFailure()
	require.True(t, b.Allow())
	b.RecordSuccess()
	const closed, open, halfOpen = atomicbreaker.Closed, atomicbreaker.Open, atomicbreaker.HalfOpen
	require.Equal(t, []atomicbreaker.Transition{
		{Name: "sink", From: closed, To: open, Generation: 1, Cause: atomicbreaker.CauseFailureThreshold, Failures: 2},
		{Name: "sink", From: open, To: halfOpen, Generation: 2, Cause: atomicbreaker.CauseProbeAdmitted, Failures: 2},
		{
			Name: "sink", From: halfOpen, To: open, Generation: 3, Cause: atomicbreaker.CauseProbeFailed, Failures: 2,
			Attempt: 1,
		},
		{
			Name: "sink", From: open, To: halfOpen, Generation: 4, Cause: atomicbreaker.CauseProbeAdmitted, Failures: 2,
			Attempt: 1,
		},
		{Name: "sink", From: halfOpen, To: closed, Generation: 5, Cause: atomicbreaker.CauseProbeSucceeded},
	}, undated(l.all()...))
}

// In fapilog, the callback runs under the breaker's lock, which is not reentrant. A callback that
// calls the breaker hangs.
func TestDifference_HookMayCallTheBreaker(t *testing.T) {
	within(t, func() {
		var b *atomicbreaker.Breaker
		var received []atomicbreaker.State
		b = atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1),
			atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				received = append(received, tr.To)
				_, _, _, _ = b.State(), b.Snapshot(), b.RetryAfter(), b.Name()
				switch tr.To {
				case atomicbreaker.Open:
					_ = b.Allow()
				case atomicbreaker.HalfOpen:
					b.RecordSuccess()
				case atomicbreaker.Closed:
					b.ForceOpen()
				case atomicbreaker.ForcedOpen:
					b.ForceClosed()
				case atomicbreaker.ForcedClosed:
					_ = b.Do(func() error { return errDown })
				}
			}))
		b.RecordFailure()
		assert.Equal(t, []atomicbreaker.State{
			atomicbreaker.Open, atomicbreaker.HalfOpen, atomicbreaker.Closed, atomicbreaker.ForcedOpen,
			atomicbreaker.ForcedClosed,
		}, received)
	})
}

// acquired returns a permit and fails the test if b rejects the call.
func acquired(t *testing.T, b *atomicbreaker.Breaker) atomicbreaker.Permit {
	t.Helper()
	p, ok := b.TryAcquire()
	require.True(t, ok)
	return p
}
