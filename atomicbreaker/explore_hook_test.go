// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/internal/explore"
)

// deliveries is a publishing queue in which every access to an atomic, and every call of a hook, is
// a switch point. The publishers hand in generations in any order, like goroutines that have won
// their swaps and not yet reached the queue.
type deliveries struct {
	s          *explore.Scheduler
	h          *hooks
	received   []uint32
	caught     []uint32 // the generations of the panics that were handled
	inHook     bool
	overlapped bool
	runs       int
	panics     uint32 // bit g is set if the hook panics at generation g
	exits      uint32 // the same, for a hook that ends its goroutine
}

func newDeliveries(t interface{ Cleanup(f func()) }, s *explore.Scheduler) *deliveries {
	d := &deliveries{s: s}
	d.s.Shared, d.s.Own, d.s.Forget = d.shared, true, true
	restore := explore.Observe(d.s.Point, d.saw, d.s.Go)
	t.Cleanup(func() {
		restore()
		d.s.Close()
	})
	return d
}

// saw tells the scheduler what an access to the queue returned. The counter passes the right to
// deliver, and with it the state that earlier deliverers left.
func (d *deliveries) saw(v any) {
	h := uint64(1)
	switch v := v.(type) {
	case uint32:
		h = explore.Mix(d.h.hash(), uint64(v))
	case *delivery:
		if v != nil {
			h = explore.Mix(v.hash(), 1)
		}
	}
	d.s.Saw(h)
}

// shared hashes the queue, what was received and recovered, and whether a delivery is running.
func (d *deliveries) shared() (word, rest uint64) {
	rest = d.h.hash()
	for _, g := range d.received {
		rest = explore.Mix(rest, uint64(g))
	}
	for _, g := range d.caught {
		rest = explore.Mix(rest, uint64(g)<<32)
	}
	for _, flag := range []bool{d.inHook, d.overlapped} {
		if rest <<= 1; flag {
			rest++
		}
	}
	return 0, rest
}

// run executes one interleaving and reports what is wrong with it. futures is the number of
// interleavings that it stands for.
func (d *deliveries) run(publishers [][]uint32) (futures int, wrong string) {
	d.received, d.caught, d.inHook, d.overlapped = d.received[:0], d.caught[:0], false, false
	d.h = newHooks([]func(Transition){d.hook}, false, d.panicked)
	runs := make([]func(), len(publishers))
	var all []uint32
	for i, generations := range publishers {
		all = append(all, generations...)
		runs[i] = func() { d.publish(generations) }
	}
	futures, err := d.s.Run(runs)
	if err != nil {
		return futures, err.Error()
	}
	return futures, d.judge(all)
}

// judge checks the end of a run that published these generations.
func (d *deliveries) judge(all []uint32) string {
	slices.Sort(all)
	panics := slices.DeleteFunc(slices.Clone(all), func(g uint32) bool { return d.panics>>g&1 == 0 })
	switch {
	case d.overlapped:
		return "two deliveries overlapped"
	case !slices.Equal(all, d.received):
		return "transitions not delivered exactly once and in order"
	case !slices.Equal(panics, d.caught):
		return fmt.Sprintf("panics not handled exactly once: %v", d.caught)
	case d.h.pending.Value != 0:
		return "pending is not 0 at the end"
	case d.h.head != d.h.tail.Value || len(d.h.early) > 0:
		return "the queue is not empty at the end"
	}
	return ""
}

// publish publishes the generations one after the other. If a hook ends the goroutine, another
// goroutine makes the next call, so that no generation is missing.
func (d *deliveries) publish(generations []uint32) {
	for i, g := range generations {
		returned := false
		func() {
			defer func() {
				if !returned && i+1 < len(generations) {
					d.s.Go(func() { d.publish(generations[i+1:]) })
				}
			}()
			d.h.publish(Transition{Generation: g})
			returned = true
		}()
	}
}

func (d *deliveries) hook(t Transition) {
	d.overlapped = d.overlapped || d.inHook
	d.inHook = true
	d.s.Point()
	d.inHook = false
	d.received = append(d.received, t.Generation)
	if d.exits>>t.Generation&1 != 0 {
		runtime.Goexit()
	}
	if d.panics>>t.Generation&1 != 0 {
		panic("hook")
	}
}

// panicked is part of a delivery, so it must not overlap another one either.
func (d *deliveries) panicked(t Transition, _ any) {
	d.overlapped = d.overlapped || d.inHook
	d.inHook = true
	d.s.Point()
	d.inHook = false
	d.caught = append(d.caught, t.Generation)
}

// exploreAll runs every interleaving of the publishers and returns how many there are.
func (d *deliveries) exploreAll(t *testing.T, publishers [][]uint32) (n int) {
	t.Helper()
	d.s.Restart()
	for more := true; more; {
		futures, wrong := d.run(publishers)
		if wrong != "" {
			t.Fatalf("%s\npublishers: %v, panics at %b, exits at %b\nschedule: %s\nreceived: %v",
				wrong, publishers, d.panics, d.exits, d.s, d.received)
		}
		n += futures
		d.runs++
		more = d.s.Next(futures)
	}
	return n
}

// twoPublishers has every order of up to three generations.
var twoPublishers = [][][]uint32{{{1}, {2}}, {{2}, {1}}, {{1, 2}, {3}}, {{1, 3}, {2}}, {{2, 3}, {1}}, {{3, 2}, {1}}}

// TestExploreHook_All explores all interleavings of two publishers, also with hooks that panic. It
// checks I7 and I8.
func TestExploreHook_All(t *testing.T) {
	d := newDeliveries(t, explore.New(2))
	n := 0
	for _, publishers := range twoPublishers {
		for _, panics := range []uint32{0, 1 << 1, 1 << 2, 1 << 3} {
			d.panics = panics
			n += d.exploreAll(t, publishers)
		}
	}
	t.Logf("%d interleavings, %d runs", n, d.runs)
	assert.GreaterOrEqual(t, n, 100_000)
}

// TestExploreHook_Exits is TestExploreHook_All with hooks that end the goroutine.
func TestExploreHook_Exits(t *testing.T) {
	d := newDeliveries(t, explore.NewGoroutines(3))
	n := 0
	for _, publishers := range twoPublishers {
		for exits := uint32(0b10); exits <= 0b1110; exits += 0b10 {
			d.exits = exits
			n += d.exploreAll(t, publishers)
		}
	}
	t.Logf("%d interleavings, %d runs", n, d.runs)
	assert.GreaterOrEqual(t, n, 1_000_000)
}

// TestExploreHook_Three explores three publishers of one transition each.
func TestExploreHook_Three(t *testing.T) {
	d := newDeliveries(t, explore.New(3))
	n := 0
	for _, panics := range []uint32{0, 1 << 2} {
		d.panics = panics
		n += d.exploreAll(t, [][]uint32{{1}, {2}, {3}})
	}
	t.Logf("%d interleavings, %d runs", n, d.runs)
	assert.GreaterOrEqual(t, n, 1_000_000)
}

// TestExploreHook_Drawn lets rapid draw three publishers of up to nine transitions, hooks that
// panic and exit, and the schedule.
func TestExploreHook_Drawn(t *testing.T) {
	d := newDeliveries(t, explore.NewGoroutines(4))
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "transitions")
		publishers := make([][]uint32, 3)
		for g := range n {
			m := rapid.IntRange(0, 2).Draw(t, "publisher")
			publishers[m] = append(publishers[m], uint32(g+1))
		}
		for i, generations := range publishers {
			publishers[i] = rapid.Permutation(generations).Draw(t, "order")
		}
		d.panics = rapid.Uint32Range(0, 1<<10-1).Draw(t, "panics")
		d.exits = rapid.Uint32Range(0, 1<<10-1).Draw(t, "exits") &^ d.panics
		schedule := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 100).Draw(t, "schedule")
		d.s.Restart()
		d.s.Follow(schedule)
		if _, wrong := d.run(publishers); wrong != "" {
			t.Fatalf("%s: publishers %v, received %v", wrong, publishers, d.received)
		}
	})
}
