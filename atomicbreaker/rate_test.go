// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// rates lists pairs of rate and threshold. Above a rate of one half, evenly spread failures also
// come in a row, and threshold failures in a row always trip. The threshold must therefore exceed
// the length of such a row.
var rates = []struct {
	rate      float64
	threshold int
}{
	{0.0003, 20},
	{0.001, 72},
	{0.003, 200},
	{0.01, 728},
	{0.011, 1},
	{0.02, 5},
	{0.05, 1},
	{0.05, 5},
	{0.1, 5},
	{0.1, 100},
	{0.15, 20},
	{0.2, 2},
	{0.25, 10},
	{0.255, 20000},
	{1.0 / 3, 7},
	{0.37, 50},
	{0.5, 2},
	{0.5, 5},
	{0.5, 65535},
	{0.6, 20},
	{0.7, 20},
	{0.75, 100},
	{0.8, 20},
	{0.9, 50},
	{0.95, 100},
	{0.99, 1000},
}

// underRate returns a breaker with a failure rate, and with the default threshold if threshold is
// 0. Its timers never fire.
func underRate(rate float64, threshold int) (*atomicbreaker.Breaker, error) {
	opts := []atomicbreaker.Option{
		atomicbreaker.WithFailureRate(rate), atomicbreaker.WithRecoveryTimeout(0),
	}
	if threshold > 0 {
		opts = append(opts, atomicbreaker.WithFailureThreshold(threshold))
	}
	return atomicbreaker.New("sink", opts...)
}

// spread reports whether call n fails when the given share of all calls does, as evenly as
// possible.
func spread(n int, share float64) bool {
	return int(float64(n+1)*share) > int(float64(n)*share)
}

// trips makes up to calls calls of which a share fails. It returns how many it took to open the
// breaker, or 0.
func trips(b *atomicbreaker.Breaker, share float64, calls int) int {
	for n := range calls {
		if spread(n, share) {
			b.RecordFailure()
		} else {
			b.RecordSuccess()
		}
		if b.State() != atomicbreaker.Closed {
			return n + 1
		}
	}
	return 0
}

// With evenly spread failures the breaker opens above the rate and not below it, within the
// documented tolerance.
func TestRate_IsHonoredWithinAPointAndATenth(t *testing.T) {
	for _, tt := range rates {
		t.Run(fmt.Sprintf("%.3g of %d", tt.rate, tt.threshold), func(t *testing.T) {
			b, err := underRate(tt.rate, tt.threshold)
			require.NoError(t, err)
			off := 1.05 * promisedOff(tt.rate)
			if tt.threshold > 1 { // at 1 the first failure opens it, whatever the share
				require.Zero(t, trips(b, tt.rate-off, 100_000), "opened below the rate")
			}
			// Just above the rate, each call adds a twentieth of the tolerance or more, in
			// failures.
			enough := int(20 * float64(tt.threshold+1) / promisedOff(tt.rate))
			require.NotZero(t, trips(b, min(1, tt.rate+off), enough), "stayed closed above the rate")
		})
	}
}

// A threshold that leaves room for finer weights gets within a thousandth of the rate.
func TestRate_IsCloserWhereTheThresholdLeavesRoom(t *testing.T) {
	for _, rate := range []float64{0.0123, 0.123, 0.37, 0.456, 0.678} {
		b, err := underRate(rate, 20)
		require.NoError(t, err)
		require.Zero(t, trips(b, rate*0.9985, 2_000_000), "%v", rate)
		require.NotZero(t, trips(b, rate*1.0015, 2_000_000), "%v", rate)
	}
}

// At any rate, threshold failures in a row open a new breaker and one fewer do not. After any
// calls, threshold failures in a row suffice.
func TestRate_ThresholdInARowAlwaysOpens(t *testing.T) {
	for _, tt := range rates {
		b, err := underRate(tt.rate, tt.threshold)
		require.NoError(t, err)
		for n := range tt.threshold {
			require.Equal(t, atomicbreaker.Snapshot{Failures: n}, b.Snapshot(), "%v", tt)
			b.RecordFailure()
		}
		require.Equal(t, atomicbreaker.Open, b.State(), "%v", tt)
		require.Equal(t, tt.threshold, b.Snapshot().Failures, "%v", tt)

		for _, successes := range []int{1, 2, 100} {
			b.Reset()
			for range tt.threshold - 1 {
				b.RecordFailure()
			}
			for range successes {
				b.RecordSuccess()
			}
			require.Equal(t, atomicbreaker.Closed, b.State())
			for range tt.threshold {
				b.RecordFailure()
			}
			require.Equal(t, atomicbreaker.Open, b.State(), "%v", tt)
		}
	}
}

// A success subtracts part of a failure. What is left is counted as one failure until nothing is
// left.
func TestRate_FailuresAreRoundedUp(t *testing.T) {
	b, err := underRate(0.1, 5)
	require.NoError(t, err)
	b.RecordFailure()
	b.RecordFailure()
	require.Equal(t, 2, b.Snapshot().Failures)
	for n := 1; n <= 18; n++ { // nine successes outweigh a failure at one in ten
		b.RecordSuccess()
		want := 2
		switch {
		case n == 18:
			want = 0
		case n >= 9:
			want = 1
		}
		require.Equal(t, want, b.Snapshot().Failures, "after %d successes", n)
	}
	b.RecordSuccess()
	require.Zero(t, b.Snapshot())
}

// Outcomes through permits count like anonymous ones.
func TestRate_HoldsForPermitsToo(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithFailureThreshold(3), atomicbreaker.WithFailureRate(0.5))
	for range 50 {
		failing, passing := acquired(t, b), acquired(t, b)
		failing.Failure()
		passing.Success()
		require.Zero(t, b.Snapshot())
	}
	for range 3 {
		p := acquired(t, b)
		p.Failure()
	}
	require.Equal(t, 3, l.all()[0].Failures)
}
