// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// A ratio is measured so that it is stable on a machine that also does other work:
//
//   - A round times all sides in alternating slices, so a longer slowdown of the machine affects
//     all of them.
//   - A slice is shorter than the scheduler's, so most slices are not interrupted at all. The
//     fastest of a side's slices in a round counts, because an interruption only adds time.
//   - The result is the median of the rounds' ratios, not the ratio of medians: the two times of
//     one round have the same clock frequency and the same neighbors, and the medians of two sides
//     may come from different rounds.
//   - The side that begins changes from round to round.
const (
	slice          = 5 * time.Millisecond
	slicesPerRound = 10 // of each side, so that a round times each for 50 ms
)

// timer is one side, ready to be timed.
type timer struct {
	loop       scenario.Loop
	goroutines int
	n          int // calls that take about a slice
}

func newTimer(s side, goroutines int) *timer {
	t := &timer{rivals.New(s.scenario, s.impl), max(goroutines, 1), 1}
	for took := time.Duration(0); took < slice; {
		took = t.run()
		t.n = calibrate(t.n, took)
	}
	return t
}

// calibrate returns how many calls to try next if n took that long: as many as fill a slice, but at
// most ten times as many as before, because the first calls are not representative.
func calibrate(n int, took time.Duration) int {
	want := float64(n) * float64(slice) / float64(max(took, 1))
	return int(math.Ceil(min(want, float64(10*n))))
}

// run times one slice.
func (t *timer) run() time.Duration {
	var start time.Time
	scenario.Spread(t.loop, t.n, t.goroutines, func() { start = time.Now() })
	return time.Since(start)
}

// result is the measurement of a goal.
type result struct {
	ratio           float64 // median of the rounds
	ours, reference float64 // medians, in nanoseconds a call
	fastest         string  // of the references
}

// measure times all goals, round by round, so that each is spread over the whole run.
func measure(goals []goal, rounds int) []result {
	ours, references := make([]*timer, len(goals)), make([][]*timer, len(goals))
	for i, g := range goals {
		ours[i] = newTimer(g.ours, g.goroutines)
		for _, reference := range g.references {
			references[i] = append(references[i], newTimer(reference, g.goroutines))
		}
	}
	times := make([][]lap, len(goals))
	for round := range rounds {
		for i := range goals {
			times[i] = append(times[i], timeRound(ours[i], references[i], round%2 == 1))
		}
	}
	results := make([]result, len(goals))
	for i, g := range goals {
		var fastest int
		results[i], fastest = summarize(times[i])
		results[i].fastest = g.references[fastest].impl
	}
	return results
}

// lap holds the times of the sides in one round, in nanoseconds per call.
type lap struct {
	ours       float64
	references []float64
}

func timeRound(ours *timer, references []*timer, swap bool) lap {
	sides := append([]*timer{ours}, references...)
	if swap {
		slices.Reverse(sides)
	}
	runtime.GC() // what others left must not be collected in one side's time
	least := make([]float64, len(sides))
	for i := range least {
		least[i] = math.Inf(1)
	}
	for range slicesPerRound {
		for i, t := range sides {
			least[i] = min(least[i], float64(t.run())/float64(t.n))
		}
	}
	if swap {
		slices.Reverse(least)
	}
	return lap{least[0], least[1:]}
}

// summarize also returns which reference was the fastest by its median. Every round compares ours
// with that one.
func summarize(rounds []lap) (r result, fastest int) {
	of := func(value func(lap) float64) float64 {
		var values []float64
		for _, l := range rounds {
			values = append(values, value(l))
		}
		return median(values)
	}
	r.reference = math.Inf(1)
	for i := range rounds[0].references {
		if m := of(func(l lap) float64 { return l.references[i] }); m < r.reference {
			r.reference, fastest = m, i
		}
	}
	r.ours = of(func(l lap) float64 { return l.ours })
	r.ratio = of(func(l lap) float64 { return l.ours / l.references[fastest] })
	return r, fastest
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

// allocations returns how many objects n calls allocate in total. It is the least of several tries,
// because the runtime sometimes allocates for itself, and allocations of the calls occur in every
// try. An average per call would hide an allocation in one call of a hundred.
func allocations(s side, n int) uint64 {
	loop := rivals.New(s.scenario, s.impl)
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
