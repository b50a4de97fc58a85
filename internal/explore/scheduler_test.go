// SPDX-License-Identifier: Apache-2.0

package explore

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// all runs every interleaving of the programs and calls judge after each run.
func all(t *testing.T, s *Scheduler, programs []func(), judge func()) (interleavings, runs int) {
	t.Helper()
	s.Restart()
	for more := true; more; {
		futures, err := s.Run(programs)
		require.NoError(t, err)
		judge()
		interleavings += futures
		runs++
		more = s.Next(futures)
	}
	return interleavings, runs
}

// Two threads that add 1 by a load and a store lose an addition in some interleavings, and only
// there.
func TestScheduler_FindsALostUpdate(t *testing.T) {
	for name, newScheduler := range map[string]func(int) *Scheduler{"coroutines": New, "goroutines": NewGoroutines} {
		t.Run(name, func(t *testing.T) {
			s := newScheduler(2)
			defer s.Close()
			n := &Uint64{Seam: Seam{Before: s.Access}}
			add := func() { n.Store(n.Load() + 1) }
			sums := map[uint64]int{}
			interleavings, runs := all(t, s, []func(){add, add}, func() {
				sums[n.Value]++
				n.Value = 0
			})
			assert.Equal(t, 6, interleavings, "two of four steps are the first thread's")
			assert.Equal(t, 6, runs)
			assert.Equal(t, map[uint64]int{1: 4, 2: 2}, sums)
		})
	}
}

// A compare-and-swap loop loses nothing, and known states save runs without a change of the count.
func TestScheduler_KnownStates(t *testing.T) {
	var counts, runs [2]int
	for known := range counts {
		s := New(3)
		n := &Uint64{Seam: Seam{Before: s.Access, Saw: s.Saw}}
		add := func() {
			for {
				if old := n.Load(); n.CompareAndSwap(old, old+1) {
					return
				}
			}
		}
		if known == 1 {
			s.Own = true
			s.Shared = func() (word, rest uint64) { return n.Value, 0 }
		}
		whole := 0
		counts[known], runs[known] = all(t, s, []func(){add, add, add}, func() {
			if n.Value == 3 {
				whole++
			}
			n.Value = 0
		})
		assert.Positive(t, whole)
		s.Close()
	}
	assert.Equal(t, counts[0], counts[1])
	assert.Less(t, runs[1], runs[0])
}

// Follow repeats the run that String describes.
func TestScheduler_Follow(t *testing.T) {
	s := New(2)
	defer s.Close()
	n := &Uint64{Seam: Seam{Before: s.Access}}
	var order []int
	program := func(i int) func() {
		return func() {
			n.Load()
			order = append(order, i)
		}
	}
	s.Restart()
	s.Follow([]int{1, 0})
	_, err := s.Run([]func(){program(0), program(1)})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 0}, order)
	assert.Equal(t, "[1 0]", s.String())
}

// A timer fires at each step at which it is pending, once, at its deadline.
func TestScheduler_Timers(t *testing.T) {
	s := New(2)
	defer s.Close()
	var fired []time.Duration
	clock := &Clock{Saw: func(uint64) {}}
	s.Clock, s.Spare = clock, 1
	s.Expire = func(timer *Timer) func() {
		return func() { fired = append(fired, clock.Read(), timer.Of.(time.Duration)) }
	}
	start := func() {
		later := clock.Start(2*time.Second, 1, 2*time.Second)
		clock.Start(time.Second, 2, time.Second)
		require.True(t, later.Stop())
		require.False(t, later.Stop())
	}
	times := map[int]int{}
	all(t, s, []func(){start}, func() {
		times[len(fired)]++
		if len(fired) > 0 {
			assert.Equal(t, []time.Duration{time.Second, time.Second}, fired)
		}
		fired, clock.Now, clock.Pending = nil, 0, nil
	})
	assert.Equal(t, map[int]int{0: 1, 2: 1}, times)
}

// A run in which a thread waits for another is an error, and not a hang.
func TestScheduler_EndlessRun(t *testing.T) {
	s := New(1)
	n := &Uint64{Seam: Seam{Before: s.Point}}
	s.Restart()
	loads := 0
	_, err := s.Run([]func(){func() {
		for n.Load() == 0 {
			loads++
		}
	}})
	require.ErrorIs(t, err, errEndless)
}
