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

// What fapilog's circuit breaker does and this one does not, one test each.

var errDown = errors.New("sink is down")

// pass lets d go by, and everything that is due with it.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// There, a failure while open moves the start of the recovery timeout and is announced as another opening: the retries of
// one call that had been admitted kept a sink cut off for as long as they went on.
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

// There, a probe that is never answered for keeps its place for good, and the sink never returns.
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

// A probe timeout of 0 is the old behaviour, for who wants it.
func TestDifference_SilentProbesMayBeWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0))
		b.Trip()
		require.True(t, b.Allow())
		pass(1000 * time.Hour)
		require.Equal(t, atomicbreaker.HalfOpen, b.State())
	})
}

// There, an outcome carries no sign of the call it belongs to: a success from before the outage closes the circuit with the
// probe still in flight, a failure reopens it.
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

// There, a probe that is still in flight when another one fails keeps its place in the next half-open period.
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
		second.Cancel() // of the period before: gives no place back in this one
		s := b.Snapshot()
		require.Equal(t, 1, s.HalfOpenCalls)
		require.Equal(t, 0, s.HalfOpenSuccesses)
		next.Failure()
	}
}

// There, half-open is never announced while each failed probe announces an opening, so that who counts openings and
// closings ends up wrong.
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

// There, the callback runs under the breaker's lock, which is not reentrant: one that asks the breaker anything hangs.
func TestDifference_HookMayCallTheBreaker(t *testing.T) {
	within(t, func() {
		var b *atomicbreaker.Breaker
		var heard []atomicbreaker.State
		b = atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1),
			atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				heard = append(heard, tr.To)
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
		}, heard)
	})
}

// acquired returns a permit that must be had.
func acquired(t *testing.T, b *atomicbreaker.Breaker) atomicbreaker.Permit {
	t.Helper()
	p, ok := b.TryAcquire()
	require.True(t, ok)
	return p
}
