// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// The transition carries the error whose report caused it, and nil if no error was reported.
func TestTransition_Err(t *testing.T) {
	reported := &sinkError{503}
	fn := func() error { return reported }
	closed := word.Pack(word.Fields{Generation: 6})
	half := word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 6, Failures: 1, Calls: 1})
	for name, tt := range map[string]struct {
		start word.Word
		call  func(b *atomicbreaker.Breaker, p *atomicbreaker.Permit)
		want  error
	}{
		"Report":            {closed, func(_ *atomicbreaker.Breaker, p *atomicbreaker.Permit) { p.Report(reported) }, reported},
		"Report of a probe": {half, func(_ *atomicbreaker.Breaker, p *atomicbreaker.Permit) { p.Report(reported) }, reported},
		"Fail":              {closed, func(_ *atomicbreaker.Breaker, p *atomicbreaker.Permit) { p.Fail(reported) }, reported},
		"Fail of a probe":   {half, func(_ *atomicbreaker.Breaker, p *atomicbreaker.Permit) { p.Fail(reported) }, reported},
		"Fail of nothing":   {closed, func(_ *atomicbreaker.Breaker, p *atomicbreaker.Permit) { p.Fail(nil) }, nil},
		"Failure":           {closed, func(_ *atomicbreaker.Breaker, p *atomicbreaker.Permit) { p.Failure() }, nil},
		"Success":           {half, func(_ *atomicbreaker.Breaker, p *atomicbreaker.Permit) { p.Success() }, nil},
		"Report of nil":     {half, func(_ *atomicbreaker.Breaker, p *atomicbreaker.Permit) { p.Report(nil) }, nil},
		"RecordFailure":     {half, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) { b.RecordFailure() }, nil},
		"RecordSuccess":     {half, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) { b.RecordSuccess() }, nil},
		"an unanswered probe": {half, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) {
			b.Elapsed(6, 0)
		}, nil},
		"Trip":        {half, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) { b.Trip() }, nil},
		"TripFor":     {half, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) { b.TripFor(1) }, nil},
		"Reset":       {half, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) { b.Reset() }, nil},
		"ForceOpen":   {half, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) { b.ForceOpen() }, nil},
		"ForceClosed": {half, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) { b.ForceClosed() }, nil},
		"Do":          {closed, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) { _ = b.Do(fn) }, reported},
		"Call": {closed, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) {
			_, _ = atomicbreaker.Call(b, func() (int, error) { return 0, reported })
		}, reported},
		"Do that panics": {closed, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) {
			_ = recovered(func() { _ = b.Do(func() error { panic(reported) }) })
		}, nil},
		"Do that exits": {closed, func(b *atomicbreaker.Breaker, _ *atomicbreaker.Permit) {
			aside(func() { _ = b.Do(func() error { runtime.Goexit(); return reported }) })
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b, l := kept(t, atomicbreaker.WithFailureThreshold(1))
			b.Start(tt.start)
			p := b.PermitOf(6)
			before := time.Now()
			tt.call(b, &p)
			after := time.Now()
			require.Len(t, l.all(), 1)
			require.WithinRange(t, l.last().At, before, after)
			if tt.want == nil {
				require.NoError(t, l.last().Err)
			} else {
				require.Same(t, tt.want, l.last().Err)
			}
		})
	}
}

// An error that the classifier counts as a success can close the breaker.
func TestTransition_ErrOfASuccess(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithRecoveryTimeout(0),
		atomicbreaker.WithClassifier(func(error) atomicbreaker.Outcome { return atomicbreaker.Success }))
	b.Trip()
	require.ErrorIs(t, b.Do(down), errDown)
	require.Equal(t, atomicbreaker.CauseProbeSucceeded, l.last().Cause)
	require.Equal(t, errDown, l.last().Err)
}

// Fail is Failure: the classifier, which would ignore a canceled call, is not asked.
func TestPermit_FailIsNotClassified(t *testing.T) {
	b, _ := kept(t, atomicbreaker.WithClassifier(func(error) atomicbreaker.Outcome { panic("was asked") }))
	for n, err := range []error{errDown, canceled(), nil} {
		p := acquired(t, b)
		p.Fail(err)
		p.Fail(err) // spent
		require.Equal(t, atomicbreaker.Snapshot{Failures: n + 1}, b.Snapshot())
	}
}

// A success that takes longer than the threshold is a failure, exact to the nanosecond.
func TestSlow_SuccessesCountAsFailures(t *testing.T) {
	const slow = time.Second
	for name, do := range doers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l := kept(t, atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithSlowThreshold(slow))
				takes := func(d time.Duration, err error) {
					require.Equal(t, err, do(b, func() error { time.Sleep(d); return err }), "unchanged")
				}
				takes(slow+1, nil)
				require.Equal(t, atomicbreaker.Snapshot{Failures: 1}, b.Snapshot())
				takes(slow, nil)
				require.Zero(t, b.Snapshot(), "a call as long as the threshold counted as slow")
				takes(slow+1, errDown)
				require.Equal(t, atomicbreaker.Snapshot{Failures: 1}, b.Snapshot(), "one failure, not two")
				takes(slow+1, canceled())
				require.Equal(t, atomicbreaker.Snapshot{Failures: 1}, b.Snapshot(), "says nothing about the sink")
				takes(1500*time.Millisecond, nil)
				require.Equal(t, atomicbreaker.Open, b.State())
				require.Equal(t, atomicbreaker.CauseFailureThreshold, l.last().Cause)
				require.ErrorIs(t, l.last().Err, atomicbreaker.ErrSlow)
				require.ErrorContains(t, l.last().Err, "took 1.5s, over 1s")
				require.NotErrorIs(t, l.last().Err, atomicbreaker.ErrRejected)

				pass(30 * time.Second)
				takes(slow+1, nil) // a probe
				require.Equal(t, atomicbreaker.CauseProbeFailed, l.last().Cause)
				require.ErrorIs(t, l.last().Err, atomicbreaker.ErrSlow)
				pass(30 * time.Second)
				takes(slow, nil)
				require.Equal(t, atomicbreaker.Closed, b.State())
				require.NoError(t, l.last().Err)
			})
		})
	}
}

// A success of the classifier can be too slow as well. An error with a retry-after time is not a
// success.
func TestSlow_ComesAfterTheOtherJudges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := kept(t, atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithSlowThreshold(time.Second),
			atomicbreaker.WithRetryAfter(waitOf),
			atomicbreaker.WithClassifier(func(error) atomicbreaker.Outcome { return atomicbreaker.Success }))
		require.ErrorIs(t, b.Do(func() error { time.Sleep(2 * time.Second); return errDown }), errDown)
		require.ErrorIs(t, l.last().Err, atomicbreaker.ErrSlow)
		b.Reset()
		wait := &tooMany{time.Minute}
		require.Same(t, wait, b.Do(func() error { time.Sleep(2 * time.Second); return wait }))
		require.Equal(t, atomicbreaker.CauseTripped, l.last().Cause)
		require.Same(t, wait, l.last().Err)
	})
}

// Reports that do not know the call's duration are never too slow, and neither is any call without
// the option.
func TestSlow_OnlyWhereTheDurationIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := kept(t, atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithSlowThreshold(1))
		p := acquired(t, b)
		pass(time.Hour)
		p.Report(nil)
		require.Zero(t, b.Snapshot())

		b, _ = kept(t, atomicbreaker.WithFailureThreshold(1))
		require.NoError(t, b.Do(func() error { time.Sleep(1000 * time.Hour); return nil }))
		require.Zero(t, b.Snapshot())
	})
}
