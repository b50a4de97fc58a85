// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// bound is a documented limit in time, where a ratio is not enough. It is measured like one side of
// a ratio.
type bound struct {
	name        string
	of          side
	nanoseconds float64 // a call, at most
}

var bounds = []bound{
	{"breakerio.Lane, one record", side{scenario.LaneRecord, "breakerio"}, 2500},
}

// measureBounds returns nanoseconds per call.
func measureBounds(bounds []bound, rounds int) []float64 {
	times := make([]float64, len(bounds))
	for i, b := range bounds {
		t := newTimer(b.of, 1)
		var laps []float64
		for range rounds {
			laps = append(laps, leastOf(t))
		}
		times[i] = median(laps)
	}
	return times
}

// leastOf times one side for a round.
func leastOf(t *timer) float64 {
	least := math.Inf(1)
	for range slicesPerRound {
		least = min(least, float64(t.run())/float64(t.n))
	}
	return least
}

// reportBounds prints the bounds and returns how many are missed.
func reportBounds(w io.Writer, bounds []bound, times []float64) (missed int) {
	for i, b := range bounds {
		verdict := "ok"
		if !holds(times[i], b.nanoseconds) {
			verdict = "missed"
			missed++
		}
		limit, measured := fmt.Sprintf("%.0f ns", b.nanoseconds), fmt.Sprintf("%.0f ns", times[i])
		printf(w, row, b.name, limit, measured, verdict, "")
	}
	return missed
}
