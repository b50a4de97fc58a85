// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// promisedOff is the documented distance between the rate and the share that the weights stand for.
func promisedOff(rate float64) float64 { return min(0.01, rate/10) }

// smallestWeights tries every failure weight up to limit. It returns the first one whose smallest
// success weight is within off of rate, and the least distance of all.
func smallestWeights(rate, off float64, limit int) (failure, success int, least float64) {
	least = math.Inf(1)
	low := rate - off
	for f := 1; f <= limit; f++ {
		near := math.Floor(float64(f) * rate / (1 - rate))
		for _, s := range []float64{math.Ceil(float64(f) * low / (1 - low)), near, near + 1} {
			s = min(max(s, 1), word.MaxFailures)
			distance := math.Abs(s/(float64(f)+s) - rate)
			if failure == 0 && distance <= off {
				failure, success = f, int(s)
			}
			least = min(least, distance)
		}
	}
	return failure, success, least
}

// The weights are as near to the rate as the threshold allows, down to a thousandth of the smaller
// of rate and 1 − rate, and are then the smallest. New rejects a rate if and only if its weights
// would exceed the documented tolerance.
func TestRateWeights_SameAsTryingAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := drawRate(t)
		threshold := max(1, word.MaxFailures/rapid.IntRange(1, word.MaxFailures).Draw(t, "room"))
		const rounding = 1e-12
		enough := min(rate, 1-rate) / 1000
		failure, success, least := smallestWeights(rate, enough, word.MaxFailures/threshold)
		if math.Abs(least-promisedOff(rate)) < rounding {
			t.Skip("on the edge")
		}
		b, err := underRate(rate, threshold)
		if least > promisedOff(rate) {
			require.ErrorIs(t, err, atomicbreaker.ErrConfig)
			return
		}
		require.NoError(t, err)
		f, s := weightsOf(b)
		off := math.Abs(float64(s)/float64(f+s) - rate)
		require.LessOrEqual(t, off, promisedOff(rate)+rounding)
		require.LessOrEqual(t, off, max(least, enough)+rounding)
		if failure > 0 {
			require.Equal(t, [2]int{failure, success}, [2]int{f, s}, "not the smallest weights that are near enough")
		}
	})
}

// drawRate draws rates of all magnitudes, also near 1, and simple fractions.
func drawRate(t *rapid.T) float64 {
	switch rapid.IntRange(0, 3).Draw(t, "kind of rate") {
	case 0:
		return math.Pow(10, -rapid.Float64Range(0.001, 5).Draw(t, "small"))
	case 1:
		return 1 - math.Pow(10, -rapid.Float64Range(0.001, 7).Draw(t, "large"))
	case 2:
		n := rapid.IntRange(2, 50).Draw(t, "of")
		return float64(rapid.IntRange(1, n-1).Draw(t, "parts")) / float64(n)
	default:
		return rapid.Float64Range(0.01, 0.99).Draw(t, "rate")
	}
}

// With the default threshold, common rates are exact.
func TestRateWeights_Known(t *testing.T) {
	for _, tt := range []struct {
		rate             float64
		threshold        int // 0: the default
		failure, success int
	}{
		{0.001, 65, 999, 1},
		{0.01, 0, 99, 1},
		{0.05, 0, 19, 1},
		{0.1, 0, 9, 1},
		{0.123, 0, 57, 8}, // 0.1231
		{0.15, 0, 17, 3},
		{0.2, 0, 4, 1},
		{1.0 / 3, 0, 2, 1},
		{0.5, 0, 1, 1},
		{0.37, 0, 46, 27}, // 0.3699
		{0.9, 0, 1, 9},
		{0.99, 0, 1, 99},
		{0.9999, 0, 1, 9990}, // 0.9998999
		{0.999999, 0, 1, word.MaxFailures},
		{math.Nextafter(1, 0), 0, 1, word.MaxFailures},
		{0.505, 65535, 1, 1},  // one unit for a failure: nearest to 1.02 for a success
		{0.7549, 65535, 1, 3}, // nearest to 3.08
		{0.255, 20000, 3, 1},  // 0.25: up to 3 units for a failure
	} {
		b, err := underRate(tt.rate, tt.threshold)
		require.NoError(t, err, "%v", tt)
		failure, success := weightsOf(b)
		require.Equal(t, [2]int{tt.failure, tt.success}, [2]int{failure, success}, "rate %v", tt.rate)
	}
}

// inARow returns how many failures in a row open b.
func inARow(b *atomicbreaker.Breaker) int {
	for n := 1; ; n++ {
		b.RecordFailure()
		if b.State() != atomicbreaker.Closed {
			return n
		}
	}
}

// With a rate, the default threshold is 100 failures, or the highest one that fits.
func TestRateThreshold_Default(t *testing.T) {
	for _, rate := range []float64{
		0.0003, 0.0005, 0.001, 0.0013, 0.0014, 0.0015, 0.01, 0.1, 0.5, 0.9, 0.99999,
	} {
		b, err := underRate(rate, 0)
		require.NoError(t, err, "%v", rate)
		threshold := inARow(b)
		require.Equal(t, threshold, b.Snapshot().Failures)
		if rate >= 0.0015 {
			require.Equal(t, 100, threshold, "%v", rate)
			continue
		}
		require.GreaterOrEqual(t, threshold, 20, "%v", rate)
		require.LessOrEqual(t, threshold, 100, "%v", rate)
		_, err = underRate(rate, threshold)
		require.NoError(t, err, "%v", rate)
		if threshold < 100 {
			_, err = underRate(rate, threshold+1)
			require.ErrorIs(t, err, atomicbreaker.ErrConfig, "%v", rate)
		}
	}
	require.Equal(t, 5, inARow(atomicbreaker.MustNew("sink")), "without a rate")
}

func TestRateThreshold_GivenBeforeOrAfter(t *testing.T) {
	rate := atomicbreaker.WithFailureRate(0.2)
	for _, threshold := range []int{1, 5, 20, 100, 5000} {
		given := atomicbreaker.WithFailureThreshold(threshold)
		require.Equal(t, threshold, inARow(atomicbreaker.MustNew("sink", given, rate)))
		require.Equal(t, threshold, inARow(atomicbreaker.MustNew("sink", rate, given)))
	}
}

func TestRateThreshold_Rejected(t *testing.T) {
	for _, tt := range []struct {
		rate               float64
		threshold, highest int // threshold 0: none
	}{
		{0.0002, 0, 14},
		{1e-300, 0, 0},
		{math.SmallestNonzeroFloat64, 1, 0},
		{0.0002, 15, 14},
		{0.01, 729, 728},
		{0.6, 65535, 32767},
	} {
		want := fmt.Sprintf("WithFailureThreshold(%d) with WithFailureRate(%v): the threshold in units of "+
			"weight exceeds 65535: the highest for this rate is %d", tt.threshold, tt.rate, tt.highest)
		if tt.threshold == 0 {
			want = fmt.Sprintf("WithFailureRate(%v) without WithFailureThreshold: the highest threshold "+
				"for this rate is %d, and the default is no less than 20", tt.rate, tt.highest)
		}
		_, err := underRate(tt.rate, tt.threshold)
		require.ErrorIs(t, err, atomicbreaker.ErrConfig)
		require.ErrorContains(t, err, want)
	}
	for _, good := range [][2]float64{{0.0002, 14}, {0.01, 728}, {0.6, 32767}} {
		_, err := underRate(good[0], int(good[1]))
		require.NoError(t, err)
	}
}
