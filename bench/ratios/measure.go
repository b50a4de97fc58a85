// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench"
)

// How a ratio is measured, so that it holds still on a machine that does other things meanwhile:
//
//   - A round times both sides, in slices that alternate: what slows the machine for longer slows both.
//   - A slice is shorter than the scheduler's, so that most of them are not interrupted at all; and of a side's slices in
//     a round the fastest counts, because an interruption only ever adds.
//   - The result is the median of the rounds' ratios, not the ratio of medians: a ratio within a round is of the same
//     clock frequency and the same neighbours, and the medians of two sides may come from different rounds.
//   - Which side begins changes from round to round.
const (
	slice          = 5 * time.Millisecond
	slicesPerRound = 10 // of each side, so that a round times each for 50 ms
)

// timer is one side, ready to be timed.
type timer struct {
	loop bench.Loop
	n    int // calls that take about a slice
}

func newTimer(s side) *timer {
	t := &timer{loop: bench.New(s.scenario, s.impl), n: 1}
	for took := time.Duration(0); took < slice; {
		took = t.run()
		t.n = calibrate(t.n, took)
	}
	return t
}

// calibrate returns how many calls to try next when n took that long: as many as take a slice, and at most ten times as
// many as before, because the first calls say little.
func calibrate(n int, took time.Duration) int {
	want := float64(n) * float64(slice) / float64(max(took, 1))
	return int(math.Ceil(min(want, float64(10*n))))
}

// run times one slice.
func (t *timer) run() time.Duration {
	start := time.Now()
	t.loop(t.n)
	return time.Since(start)
}

// result is what a goal measured.
type result struct {
	ratio           float64 // median of the rounds
	ours, reference float64 // medians, in nanoseconds a call
}

// measure times all goals, round by round, so that each is spread over the whole run.
func measure(goals []goal, rounds int) []result {
	ours, reference := make([]*timer, len(goals)), make([]*timer, len(goals))
	for i, g := range goals {
		ours[i], reference[i] = newTimer(g.ours), newTimer(g.reference)
	}
	times := make([][]pair, len(goals))
	for round := range rounds {
		for i := range goals {
			times[i] = append(times[i], timeRound(ours[i], reference[i], round%2 == 1))
		}
	}
	results := make([]result, len(goals))
	for i := range goals {
		results[i] = summarize(times[i])
	}
	return results
}

// pair is what the two sides took in one round, in nanoseconds a call.
type pair struct{ ours, reference float64 }

func timeRound(ours, reference *timer, swap bool) pair {
	first, second := ours, reference
	if swap {
		first, second = second, first
	}
	runtime.GC() // what others left must not be collected in one side's time
	a, b := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for range slicesPerRound {
		a = min(a, first.run())
		b = min(b, second.run())
	}
	p := pair{float64(a) / float64(first.n), float64(b) / float64(second.n)}
	if swap {
		p.ours, p.reference = p.reference, p.ours
	}
	return p
}

func summarize(rounds []pair) result {
	var ratios, ours, references []float64
	for _, r := range rounds {
		ratios = append(ratios, r.ours/r.reference)
		ours = append(ours, r.ours)
		references = append(references, r.reference)
	}
	return result{median(ratios), median(ours), median(references)}
}

// median sorts its argument.
func median(v []float64) float64 {
	slices.Sort(v)
	middle := len(v) / 2
	if len(v)%2 == 1 {
		return v[middle]
	}
	return (v[middle-1] + v[middle]) / 2
}

// allocations returns how many objects n calls allocate in all. It is the least of several tries: the runtime allocates
// for itself now and then, and what the calls allocate is there in every try. An average per call would hide what only
// one call in a hundred does.
func allocations(s side, n int) uint64 {
	loop := bench.New(s.scenario, s.impl)
	least := uint64(math.MaxUint64)
	for range 3 {
		least = min(least, mallocs(func() { loop(n) }))
	}
	return least
}

func mallocs(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}
