// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"cmp"
	"math"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// newParams translates the counts for package word. Consecutive failures are the special case in
// which one success clears the count.
func (c *config) newParams() word.Params {
	threshold := cmp.Or(c.failureThreshold, defaultThreshold)
	w := weights{failure: 1, success: word.MaxFailures}
	if rate := c.failureRate; rate > 0 {
		threshold = c.thresholdUnderRate()
		limit := word.MaxFailures / max(1, threshold)
		w = nearest(rate, min(rate, 1-rate)*closeEnough, limit)
	}
	return word.Params{
		FailureLimit:     uint32(threshold * w.failure),
		FailureWeight:    uint32(w.failure),
		SuccessWeight:    uint32(w.success),
		MaxCalls:         uint32(c.halfOpenMaxCalls),
		SuccessThreshold: uint32(c.successThreshold),
		DueAtOnce:        c.timing.recovery == 0,
	}
}

const (
	defaultThreshold = 5 // of consecutive failures

	// With a rate. The default threshold is never below leastRateThreshold, because false alarms
	// would be frequent.
	defaultRateThreshold, leastRateThreshold = 100, 20

	// The share of the weights differs from the rate by at most rateTolerance, and by at most
	// relativeRateTolerance times the rate.
	rateTolerance, relativeRateTolerance = 0.01, 0.1

	// Weights within this fraction of the rate, and of 1 − rate, are not improved further.
	closeEnough = 0.001
)

// thresholdUnderRate returns the failure threshold, or its default, and checks that it fits the
// count.
func (c *config) thresholdUnderRate() int {
	highest, off := 0, min(rateTolerance, c.failureRate*relativeRateTolerance)
	w := nearest(c.failureRate, off, word.MaxFailures)
	if math.Abs(w.share()-c.failureRate) <= off {
		highest = word.MaxFailures / w.failure
	}
	if c.failureThreshold > 0 {
		c.check(c.failureThreshold <= highest,
			"WithFailureThreshold(%d) with WithFailureRate(%v): "+
				"the threshold in units of weight exceeds %d: the highest for this rate is %d",
			c.failureThreshold, c.failureRate, word.MaxFailures, highest)
		return c.failureThreshold
	}
	c.check(highest >= leastRateThreshold, "WithFailureRate(%v) without WithFailureThreshold: "+
		"the highest threshold for this rate is %d, and the default is no less than %d",
		c.failureRate, highest, leastRateThreshold)
	return min(defaultRateThreshold, highest)
}

// weights are what a failure adds to the count and what a success subtracts. On average the count
// does not change if the share success/(failure+success) of the calls fail.
type weights struct{ failure, success int }

func (w weights) share() float64 { return float64(w.success) / float64(w.failure+w.success) }

// nearest returns the smallest weights whose share is within off of rate. The weight of a failure
// is at most limit. If no such weights are close enough, nearest returns the closest ones.
//
// It descends the Stern-Brocot tree of all reduced fractions. No fraction between the neighbors low
// and high has smaller parts than mid, their mediant. So the first fraction that is close enough is
// also the smallest, and if mid is too large, no fraction between them fits.
func nearest(rate, off float64, limit int) weights {
	low, high := weights{1, 0}, weights{0, 1}
	// For a rate near 0 or 1, the descent begins with a long run in one direction. Skip it.
	if above := rate + off; above < 0.5 {
		high = weights{int(min(math.Floor(1/above-1), float64(limit))) - 1, 1}
	} else if below := rate - off; below > 0.5 {
		low = weights{1, int(min(math.Floor(below/(1-below)), word.MaxFailures)) - 1}
	}
	for {
		mid := weights{low.failure + high.failure, low.success + high.success}
		switch share := mid.share(); {
		case mid.failure > limit || mid.success > word.MaxFailures:
			if high.failure == 0 || low.success > 0 && rate-low.share() < high.share()-rate {
				return low
			}
			return high
		case math.Abs(share-rate) <= off:
			return mid
		case share < rate:
			low = mid
		default:
			high = mid
		}
	}
}
