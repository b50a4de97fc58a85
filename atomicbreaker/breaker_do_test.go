// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// doers are Do, and Call in the form of Do.
var doers = map[string]func(*atomicbreaker.Breaker, func() error) error{
	"Do": (*atomicbreaker.Breaker).Do,
	"Call": func(b *atomicbreaker.Breaker, fn func() error) error {
		_, err := atomicbreaker.Call(b, func() (struct{}, error) { return struct{}{}, fn() })
		return err
	},
}

// sinkError is an error that cannot be compared by content.
type sinkError struct{ code int }

func (e *sinkError) Error() string { return fmt.Sprint("code ", e.code) }

func TestDo_ErrorsAreUnchangedAndCounted(t *testing.T) {
	for name, do := range doers {
		t.Run(name, func(t *testing.T) {
			b, _ := kept(t, atomicbreaker.WithFailureThreshold(3))
			calls := 0
			for n := range 2 {
				want := &sinkError{503}
				err := do(b, func() error { calls++; return want })
				require.Same(t, want, err)
				require.Equal(t, n+1, b.Snapshot().Failures)
			}
			require.NoError(t, do(b, func() error { calls++; return nil }))
			require.Zero(t, b.Snapshot().Failures)
			require.Equal(t, 3, calls)
		})
	}
}

func TestDo_RejectionsNameTheBreaker(t *testing.T) {
	for name, do := range doers {
		t.Run(name, func(t *testing.T) {
			b := atomicbreaker.MustNew("loki-7", atomicbreaker.WithRecoveryTimeout(0))
			never := func() error { t.Error("was called"); return nil }
			requireRejected := func(is, isNot error) {
				t.Helper()
				err := do(b, never)
				require.ErrorIs(t, err, is)
				require.ErrorIs(t, err, atomicbreaker.ErrRejected)
				require.NotErrorIs(t, err, isNot)
				require.ErrorContains(t, err, `"loki-7"`)
				require.Same(t, err, do(b, never), "the error was built again")
			}
			b.Trip()
			require.True(t, b.Allow())
			requireRejected(atomicbreaker.ErrTooManyProbes, atomicbreaker.ErrOpen)
			b.ForceOpen()
			requireRejected(atomicbreaker.ErrOpen, atomicbreaker.ErrTooManyProbes)
			b.Reset()
			b.TripFor(1 << 50)
			requireRejected(atomicbreaker.ErrOpen, atomicbreaker.ErrTooManyProbes)
		})
	}
}

func TestDo_PanicsAndExitsCountAsFailures(t *testing.T) {
	for name, do := range doers {
		t.Run(name, func(t *testing.T) {
			b, _ := kept(t, atomicbreaker.WithFailureThreshold(3))
			value := &sinkError{1}
			require.Same(t, value, recovered(func() { _ = do(b, func() error { panic(value) }) }))
			require.Equal(t, 1, b.Snapshot().Failures)
			aside(func() {
				_ = do(b, func() error { runtime.Goexit(); return nil })
				t.Error("Goexit was swallowed")
			})
			require.Equal(t, 2, b.Snapshot().Failures)
			func() { // panic(nil) is a panic too
				defer func() { _ = recover() }()
				_ = do(b, func() error { panic(nil) }) //nolint:govet // on purpose
			}()
			require.Equal(t, atomicbreaker.Open, b.State())
		})
	}
}

func TestDo_MayBeNested(t *testing.T) {
	b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(0))
	b.Trip()
	err := b.Do(func() error {
		require.ErrorIs(t, b.Do(func() error { return nil }), atomicbreaker.ErrTooManyProbes)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, atomicbreaker.Closed, b.State())
}

// The outcome of a call that outlives its period changes nothing in a later one (I3).
func TestDo_LateOutcomeDecidesNothing(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithRecoveryTimeout(0))
	require.NoError(t, b.Do(func() error {
		b.Trip()
		require.True(t, b.Allow())
		return nil
	}))
	require.Equal(t, 1, b.Snapshot().HalfOpenCalls)
	require.Len(t, l.all(), 2)
}

func TestCall_Value(t *testing.T) {
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2))
	n, err := atomicbreaker.Call(b, func() (int, error) { return 42, nil })
	require.NoError(t, err)
	require.Equal(t, 42, n)
	n, err = atomicbreaker.Call(b, func() (int, error) { return 7, errDown })
	require.ErrorIs(t, err, errDown)
	require.Equal(t, 7, n, "fn's value was not returned with its error")
	b.ForceOpen()
	n, err = atomicbreaker.Call(b, func() (int, error) { return 9, nil })
	require.ErrorIs(t, err, atomicbreaker.ErrOpen)
	require.Zero(t, n)
}

func TestClassifier_Default(t *testing.T) {
	for _, tt := range []struct {
		err    error
		counts int
	}{
		{nil, 0},
		{errDown, 2},
		{context.Canceled, 1},
		{fmt.Errorf("push: %w", context.Canceled), 1},
		{context.DeadlineExceeded, 2},
		{atomicbreaker.ErrOpen, 2},
	} {
		b := atomicbreaker.MustNew("sink")
		b.RecordFailure()
		require.Equal(t, tt.err, b.Do(func() error { return tt.err }))
		require.Equal(t, tt.counts, b.Snapshot().Failures, "%v", tt.err)
	}
}

func TestClassifier_Outcomes(t *testing.T) {
	for outcome, want := range map[atomicbreaker.Outcome]int{
		atomicbreaker.Success: 0, atomicbreaker.Ignore: 1, atomicbreaker.Failure: 2, 3: 2, 255: 2,
	} {
		var asked []error
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithClassifier(func(err error) atomicbreaker.Outcome {
			asked = append(asked, err)
			return outcome
		}))
		b.RecordFailure()
		require.ErrorIs(t, b.Do(func() error { return errDown }), errDown, "fn's error was not returned")
		require.Equal(t, want, b.Snapshot().Failures)
		require.Equal(t, []error{errDown}, asked)

		// None of these reaches the classifier: nil is a success, a spent permit reports nothing,
		// and a rejected call did not run.
		require.NoError(t, b.Do(func() error { return nil }))
		p := acquired(t, b)
		p.Report(nil)
		p.Report(errDown)
		b.ForceOpen()
		require.Error(t, b.Do(func() error { return errDown }))
		require.Len(t, asked, 1)
	}
}

// A classifier that panics or exits decides nothing. The call counts as a failure, and its place is
// free again.
func TestClassifier_PanicSettlesThePermit(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithFailureThreshold(2),
		atomicbreaker.WithClassifier(func(error) atomicbreaker.Outcome { panic("classifier") }))
	require.PanicsWithValue(t, "classifier", func() { _ = b.Do(func() error { return errDown }) })
	require.Equal(t, 1, b.Snapshot().Failures)
	b.Trip()
	require.PanicsWithValue(t, "classifier", func() { _ = b.Do(func() error { return errDown }) })
	require.Equal(t, atomicbreaker.CauseProbeFailed, l.causes()[2])

	p := acquired(t, b)
	require.PanicsWithValue(t, "classifier", func() {
		defer p.Cancel()
		p.Report(errDown)
	})
	require.Zero(t, b.Snapshot().HalfOpenCalls)
	require.Equal(t, atomicbreaker.HalfOpen, b.State(), "the caller's deferred Cancel settled it")
}
