// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

var errDown = errors.New("down")

// rig is a guard whose fallback takes every record.
type rig struct {
	*guard.Guard[string]

	breaker *atomicbreaker.Breaker
	taken   []string
	outages []guard.Outage
}

// newRig returns a rig whose breaker opens at the first failure and admits a probe at once.
func newRig(isRecordError func(error) bool, opts ...atomicbreaker.Option) *rig {
	r := &rig{breaker: atomicbreaker.MustNew("sink", append([]atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0),
	}, opts...)...)}
	r.Guard = guard.New(r.breaker, guard.Options{
		Adapter: "test", IsRecordError: isRecordError, StderrIsSink: true,
		OnOutage: func(o guard.Outage) { r.outages = append(r.outages, o) },
	}, func(record string) (int, error) {
		r.taken = append(r.taken, record)
		return 0, nil
	}, nil)
	return r
}

// admit returns a permit.
func (r *rig) admit(t *testing.T) atomicbreaker.Permit {
	t.Helper()
	permit, ok := r.breaker.TryAcquire()
	require.True(t, ok)
	return permit
}

// apart calls f on a goroutine, which f may end.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// A user's function does not return, so the error counts as a failure, which opens the breaker. The
// hook of that transition ends the goroutine as well. The record still reaches the fallback.
func TestGuard_FailWithAFunctionAndAHookThatDoNotReturn(t *testing.T) {
	for name, isRecordError := range map[string]func(error) bool{
		"panic":  func(error) bool { panic("is") },
		"goexit": func(error) bool { runtime.Goexit(); return false },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(isRecordError, atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { runtime.Goexit() }))
			permit := r.admit(t)
			apart(func() { _, _ = r.Fail("1", permit, errDown) })
			require.Equal(t, []string{"1"}, r.taken)
			require.Equal(t, guard.Stats{Fallback: 1, Failed: 1}, r.Stats())
			require.Equal(t, atomicbreaker.Open, r.breaker.State())
		})
	}
}

// The failure that opens the breaker is the cause of the outage, even if a user's function panicked
// while it was classified.
func TestGuard_CauseOfAnOutageWhoseErrorMakesAFunctionPanic(t *testing.T) {
	broken := func(error) bool { panic("is") }
	classifier := atomicbreaker.WithClassifier(func(error) atomicbreaker.Outcome { panic("classifier") })
	for name, r := range map[string]*rig{"record errors": newRig(broken), "classifier": newRig(nil, classifier)} {
		t.Run(name, func(t *testing.T) {
			_, err := r.Fail("1", r.admit(t), errDown)
			require.NoError(t, err)
			probe := r.admit(t)
			r.Finish(&probe, r.Start())
			require.Len(t, r.outages, 1)
			require.Equal(t, errDown, r.outages[0].Cause)
		})
	}
}

// An outcome that must not vote does not vote because a user's function panics.
func TestGuard_FunctionThatPanicsForAnOutcomeWithoutVote(t *testing.T) {
	r := newRig(func(error) bool { panic("is") })
	_, err := r.FailWithoutVote("1", r.admit(t), errDown)
	require.NoError(t, err)
	require.Equal(t, atomicbreaker.Closed, r.breaker.State())

	permit := r.admit(t)
	require.NoError(t, r.Shutdown(t.Context(), nothing, nothing))
	_, err = r.Fail("2", permit, errDown)
	require.NoError(t, err)
	r.Settle(permit, r.Start(), errDown)
	require.Equal(t, atomicbreaker.Closed, r.breaker.State())
	require.Equal(t, []string{"1", "2"}, r.taken)
}
