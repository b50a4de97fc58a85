// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// independent reports up to calls outcomes to b, each a failure with probability share. It returns
// how many it took to open b, or 0.
func independent(b *atomicbreaker.Breaker, random *rand.Rand, share float64, calls int) int {
	for n := range calls {
		if random.Float64() < share {
			b.RecordFailure()
			if b.State() != atomicbreaker.Closed {
				return n + 1
			}
		} else {
			b.RecordSuccess()
		}
	}
	return 0
}

// Well below the rate, a breaker with the default threshold stays closed although failures cluster
// by chance: the mean number of calls until it opens is above 10^9 in each case.
func TestRate_StaysClosedWellBelow(t *testing.T) {
	for _, tt := range []struct{ rate, share float64 }{
		{0.01, 0.005},
		{0.05, 0.025},
		{0.1, 0.05},
		{0.1, 0.08},
		{0.2, 0.1},
		{0.2, 0.16},
		{0.5, 0.2},
		{0.5, 0.4},
		{0.8, 0.7},
	} {
		t.Run(fmt.Sprintf("%v of %v", tt.share, tt.rate), func(t *testing.T) {
			b, err := underRate(tt.rate, 0)
			require.NoError(t, err)
			require.Greater(t, chainOf(t, tt.rate, 100).meanCalls(tt.share), 1e9)
			require.Zero(t, independent(b, rand.New(rand.NewPCG(1, 2)), tt.share, 1_000_000))
		})
	}
}

// The mean number of calls until the breaker opens is the computed mean of the chain, within four
// standard errors.
func TestRate_MeanCallsMatchTheChain(t *testing.T) {
	for _, tt := range []struct {
		rate      float64
		threshold int
		share     float64
		runs      int
	}{
		{0.5, 5, 0.2, 2500},
		{0.5, 20, 0.5, 4000},
		{0.5, 100, 0.625, 4000},
		{0.2, 5, 0.1, 4000},
		{0.2, 20, 0.2, 4000},
		{0.2, 100, 0.4, 4000},
		{0.1, 20, 0.1, 2000},
		{0.05, 5, 0.04, 4000},
		{0.05, 20, 0.1, 4000},
		{0.01, 5, 0.008, 1000},
		{0.01, 20, 0.02, 1000},
		{0.37, 7, 0.3, 4000},
		{0.75, 20, 0.7, 4000},
		{0.9, 20, 0.8, 4000},
	} {
		t.Run(fmt.Sprintf("%v at %v by %d", tt.share, tt.rate, tt.threshold), func(t *testing.T) {
			b, err := underRate(tt.rate, tt.threshold)
			require.NoError(t, err)
			random := rand.New(rand.NewPCG(3, 4))
			var sum, squares float64
			for range tt.runs {
				calls := float64(independent(b, random, tt.share, math.MaxInt))
				b.Reset()
				sum += calls
				squares += calls * calls
			}
			runs := float64(tt.runs)
			mean := sum / runs
			deviation := math.Sqrt((squares/runs - mean*mean) / runs)
			require.Less(t, deviation, mean/20, "too few runs")
			want := chainOf(t, tt.rate, tt.threshold).meanCalls(tt.share)
			require.InDelta(t, want, mean, 4*deviation)
		})
	}
}
