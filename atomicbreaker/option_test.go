// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

func TestOption_InvalidValuesAreReportedWithTheirRange(t *testing.T) {
	const above, share = ": want 0 or more", ": want more than 0 and less than 1"
	for option, tt := range map[string]struct {
		opt  atomicbreaker.Option
		want string
	}{
		"WithFailureThreshold(0)":     {atomicbreaker.WithFailureThreshold(0), ": want 1..65535"},
		"WithFailureThreshold(-1)":    {atomicbreaker.WithFailureThreshold(-1), ": want 1..65535"},
		"WithFailureThreshold(65536)": {atomicbreaker.WithFailureThreshold(65536), ": want 1..65535"},
		"WithFailureRate(0)":          {atomicbreaker.WithFailureRate(0), share},
		"WithFailureRate(1)":          {atomicbreaker.WithFailureRate(1), share},
		"WithFailureRate(-0.5)":       {atomicbreaker.WithFailureRate(-0.5), share},
		"WithFailureRate(1.5)":        {atomicbreaker.WithFailureRate(1.5), share},
		"WithFailureRate(NaN)":        {atomicbreaker.WithFailureRate(math.NaN()), share},
		"WithFailureRate(+Inf)":       {atomicbreaker.WithFailureRate(math.Inf(1)), share},
		"WithRecoveryTimeout(-1ns)":   {atomicbreaker.WithRecoveryTimeout(-1), above},
		"WithBackoff(0s)":             {atomicbreaker.WithBackoff(0), ": want more than 0"},
		"WithBackoff(-1s)":            {atomicbreaker.WithBackoff(-time.Second), ": want more than 0"},
		"WithJitter(-0.1)":            {atomicbreaker.WithJitter(-0.1), above},
		"WithJitter(NaN)":             {atomicbreaker.WithJitter(math.NaN()), above},
		"WithJitter(+Inf)":            {atomicbreaker.WithJitter(math.Inf(1)), above},
		"WithHalfOpenMaxCalls(0)":     {atomicbreaker.WithHalfOpenMaxCalls(0), ": want 1..255"},
		"WithHalfOpenMaxCalls(-3)":    {atomicbreaker.WithHalfOpenMaxCalls(-3), ": want 1..255"},
		"WithHalfOpenMaxCalls(256)":   {atomicbreaker.WithHalfOpenMaxCalls(256), ": want 1..255"},
		"WithSuccessThreshold(0)":     {atomicbreaker.WithSuccessThreshold(0), ": want 1..255"},
		"WithSuccessThreshold(-3)":    {atomicbreaker.WithSuccessThreshold(-3), ": want 1..255"},
		"WithSuccessThreshold(256)":   {atomicbreaker.WithSuccessThreshold(256), ": want 1..255"},
		"WithProbeTimeout(-1m0s)":     {atomicbreaker.WithProbeTimeout(-time.Minute), above},
		"WithClassifier(nil)":         {atomicbreaker.WithClassifier(nil), ": want a function"},
		"WithRetryAfter(nil)":         {atomicbreaker.WithRetryAfter(nil), ": want a function"},
		"WithSlowThreshold(0s)":       {atomicbreaker.WithSlowThreshold(0), ": want more than 0"},
		"WithSlowThreshold(-1ns)":     {atomicbreaker.WithSlowThreshold(-1), ": want more than 0"},
		"WithOnTransition(nil)":       {atomicbreaker.WithOnTransition(nil), ": want a function"},
		"WithAsyncOnTransition(nil)":  {atomicbreaker.WithAsyncOnTransition(nil), ": want a function"},
		"WithOnHookPanic(nil)":        {atomicbreaker.WithOnHookPanic(nil), ": want a function"},
		"option 1 of 1 is nil":        {nil, ""},
	} {
		t.Run(option, func(t *testing.T) {
			b, err := atomicbreaker.New("sink", tt.opt)
			require.Nil(t, b)
			require.ErrorIs(t, err, atomicbreaker.ErrConfig)
			require.NotErrorIs(t, err, atomicbreaker.ErrRejected)
			require.Contains(t, err.Error(), option+tt.want)
		})
	}
}

func TestOption_EveryInvalidOptionIsInTheError(t *testing.T) {
	b, err := atomicbreaker.New("sink",
		atomicbreaker.WithFailureThreshold(0), atomicbreaker.WithHalfOpenMaxCalls(1000), nil,
		atomicbreaker.WithSuccessThreshold(2), // valid
		atomicbreaker.WithProbeTimeout(-1), atomicbreaker.WithRecoveryTimeout(time.Minute),
		atomicbreaker.WithBackoff(time.Second), atomicbreaker.WithJitter(-1))
	require.Nil(t, b)
	var joined interface{ Unwrap() []error }
	require.ErrorAs(t, err, &joined)
	bad := joined.Unwrap()
	require.Len(t, bad, 6)
	for _, one := range bad {
		require.ErrorIs(t, one, atomicbreaker.ErrConfig)
	}
	for _, name := range []string{
		"WithFailureThreshold(0)", "WithHalfOpenMaxCalls(1000)", "option 3 of 8 is nil", "WithProbeTimeout(-1ns)",
		"WithBackoff(1s)", "WithJitter(-1)",
	} {
		require.Contains(t, err.Error(), name)
	}
	require.NotContains(t, err.Error(), "WithSuccessThreshold")
}

// These options are valid alone and invalid together, in either order.
func TestOption_InvalidCombinations(t *testing.T) {
	for _, tt := range []struct {
		one, other atomicbreaker.Option
		want       []string
	}{
		{
			atomicbreaker.WithRecoveryTimeout(time.Minute), atomicbreaker.WithBackoff(time.Minute - 1),
			[]string{"WithBackoff(59.999999999s)", "1m0s"},
		},
		{
			atomicbreaker.WithBackoff(29 * time.Second), atomicbreaker.WithSuccessThreshold(1), // the default is 30 s
			[]string{"WithBackoff(29s)", "30s"},
		},
		{
			atomicbreaker.WithFailureThreshold(65535), atomicbreaker.WithFailureRate(0.1),
			[]string{"WithFailureThreshold(65535)", "WithFailureRate(0.1)", "exceeds 65535", "is 7281"},
		},
		{
			atomicbreaker.WithFailureThreshold(3000), atomicbreaker.WithFailureRate(0.01),
			[]string{"WithFailureThreshold(3000)", "WithFailureRate(0.01)", "exceeds 65535", "is 728"},
		},
	} {
		for _, opts := range [][]atomicbreaker.Option{{tt.one, tt.other}, {tt.other, tt.one}} {
			b, err := atomicbreaker.New("sink", opts...)
			require.Nil(t, b)
			require.ErrorIs(t, err, atomicbreaker.ErrConfig)
			for _, part := range tt.want {
				require.Contains(t, err.Error(), part)
			}
		}
	}
}

func TestOption_LimitsAreValid(t *testing.T) {
	for name, opts := range map[string][]atomicbreaker.Option{
		"lowest": {
			atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithHalfOpenMaxCalls(1),
			atomicbreaker.WithSuccessThreshold(1), atomicbreaker.WithRecoveryTimeout(0),
			atomicbreaker.WithProbeTimeout(0), atomicbreaker.WithJitter(0), atomicbreaker.WithBackoff(1),
			atomicbreaker.WithSlowThreshold(1),
		},
		"highest": {
			atomicbreaker.WithFailureThreshold(65535), atomicbreaker.WithHalfOpenMaxCalls(255),
			atomicbreaker.WithSuccessThreshold(255), atomicbreaker.WithRecoveryTimeout(math.MaxInt64),
			atomicbreaker.WithProbeTimeout(math.MaxInt64), atomicbreaker.WithJitter(math.MaxFloat64),
			atomicbreaker.WithBackoff(math.MaxInt64), atomicbreaker.WithSlowThreshold(math.MaxInt64),
		},
		"backoff is the recovery timeout": {
			atomicbreaker.WithRecoveryTimeout(time.Hour), atomicbreaker.WithBackoff(time.Hour),
		},
		"backoff of the recovery timeout's default": {atomicbreaker.WithBackoff(30 * time.Second)},
		"the last of two counts": {
			atomicbreaker.WithRecoveryTimeout(time.Hour), atomicbreaker.WithBackoff(time.Minute),
			atomicbreaker.WithRecoveryTimeout(time.Second),
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := atomicbreaker.New("", opts...)
			require.NoError(t, err)
			b.Trip()
			require.Equal(t, atomicbreaker.Open, b.State())
			require.GreaterOrEqual(t, b.RetryAfter(), time.Duration(0))
		})
	}
}

func TestOption_Defaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, err := atomicbreaker.New("loki")
		require.NoError(t, err)
		require.Equal(t, "loki", b.Name())
		require.Zero(t, b.Snapshot())
		for n := range 5 {
			require.Equal(t, atomicbreaker.Snapshot{Failures: n}, b.Snapshot())
			require.ErrorIs(t, b.Do(func() error { return errDown }), errDown)
		}
		require.Equal(t, atomicbreaker.Open, b.State())
		for range 3 { // no back-off, no jitter
			require.Equal(t, 30*time.Second, b.RetryAfter())
			pass(30*time.Second - 1)
			require.False(t, b.Allow())
			pass(1)
			require.True(t, b.Allow())
			require.False(t, b.Allow(), "one probe")
			pass(30*time.Second - 1)
			require.Equal(t, atomicbreaker.HalfOpen, b.State())
			pass(1)
			require.Equal(t, atomicbreaker.Open, b.State())
		}
		pass(30 * time.Second)
		require.NoError(t, b.Do(func() error { return nil }))
		require.Equal(t, atomicbreaker.Closed, b.State(), "one success")
	})
}

func TestOption_MustNew(t *testing.T) {
	_, err := atomicbreaker.New("sink", atomicbreaker.WithFailureThreshold(0))
	value := recovered(func() { atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(0)) })
	thrown, ok := value.(error)
	require.True(t, ok)
	require.ErrorIs(t, thrown, atomicbreaker.ErrConfig)
	require.EqualError(t, thrown, err.Error())

	require.NotPanics(t, func() { require.Equal(t, "sink", atomicbreaker.MustNew("sink").Name()) })
}

// The success threshold may exceed the number of concurrent probes, because places become free
// again.
func TestOption_SuccessThresholdBeyondMaxCalls(t *testing.T) {
	for _, threshold := range []int{2, 3, 255} {
		b, err := atomicbreaker.New("sink", atomicbreaker.WithRecoveryTimeout(0),
			atomicbreaker.WithHalfOpenMaxCalls(2), atomicbreaker.WithSuccessThreshold(threshold))
		require.NoError(t, err)
		b.Trip()
		for n := range threshold {
			require.NotEqual(t, atomicbreaker.Closed, b.State())
			require.Equal(t, n, b.Snapshot().HalfOpenSuccesses)
			require.NoError(t, b.Do(func() error { return nil }))
		}
		require.Equal(t, atomicbreaker.Closed, b.State())
	}
}

// One success clears all failures, unless a failure rate is set.
func TestOption_FailuresAreConsecutive(t *testing.T) {
	b, err := atomicbreaker.New("sink", atomicbreaker.WithFailureThreshold(3))
	require.NoError(t, err)
	for range 100 {
		b.RecordFailure()
		b.RecordFailure()
		require.Equal(t, 2, b.Snapshot().Failures)
		b.RecordSuccess()
		require.Zero(t, b.Snapshot())
	}
	for range 3 {
		b.RecordFailure()
	}
	require.Equal(t, atomicbreaker.Open, b.State())
}

func TestErrors_Chain(t *testing.T) {
	require.ErrorIs(t, atomicbreaker.ErrOpen, atomicbreaker.ErrRejected)
	require.ErrorIs(t, atomicbreaker.ErrTooManyProbes, atomicbreaker.ErrRejected)
	require.NotErrorIs(t, atomicbreaker.ErrOpen, atomicbreaker.ErrTooManyProbes)
	require.NotErrorIs(t, atomicbreaker.ErrTooManyProbes, atomicbreaker.ErrOpen)
	require.NotErrorIs(t, atomicbreaker.ErrRejected, atomicbreaker.ErrOpen)
	require.NotErrorIs(t, atomicbreaker.ErrConfig, atomicbreaker.ErrRejected)
	require.ErrorIs(t, fmt.Errorf("while writing: %w", atomicbreaker.ErrOpen), atomicbreaker.ErrRejected)
}
