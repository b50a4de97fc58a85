// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// deliveries is a queue of transitions whose every access to an atomic, and every call of a hook, is a switch point.
// The makers hand in generations in any order, as those do who have won their swaps and are not at the queue yet.
type deliveries struct {
	s      *scheduler
	told   []uint32
	inHook bool
	twice  bool
	panics uint32 // the generation whose delivery panics; 0: none
}

func newDeliveries(t interface{ Cleanup(f func()) }, threads int) *deliveries {
	d := &deliveries{s: newScheduler(threads)}
	beforeQueue = d.s.before
	t.Cleanup(func() {
		beforeQueue = nil
		d.s.close()
	})
	return d
}

// run makes one interleaving and reports what is wrong with it.
func (d *deliveries) run(makers [][]uint32) string {
	d.told, d.inHook, d.twice = d.told[:0], false, false
	h := newHooks([]func(Transition){d.hook}, false)
	runs := make([]func(), len(makers))
	var all []uint32
	for i, generations := range makers {
		all = append(all, generations...)
		runs[i] = func() {
			for _, g := range generations {
				publish(h, g)
			}
		}
	}
	if _, err := d.s.run(runs); err != nil {
		return err.Error()
	}
	slices.Sort(all)
	switch {
	case d.twice:
		return "two deliveries at once"
	case !slices.Equal(all, d.told):
		return "not each once and in order"
	case h.asked.value != 0:
		return "somebody is still delivering"
	}
	return ""
}

func publish(h *hooks, generation uint32) {
	defer func() { _ = recover() }() // the hook's
	h.publish(Transition{Generation: generation})
}

func (d *deliveries) hook(t Transition) {
	d.twice = d.twice || d.inHook
	d.inHook = true
	d.s.before()
	d.inHook = false
	d.told = append(d.told, t.Generation)
	if t.Generation == d.panics {
		panic("hook")
	}
}

// TestExploreHook_All explores all interleavings of two makers, who come in both orders of the generations, also with a
// hook that panics.
func TestExploreHook_All(t *testing.T) {
	d := newDeliveries(t, 2)
	n := 0
	for _, makers := range [][][]uint32{{{1}, {2}}, {{2}, {1}}, {{1, 2}, {3}}, {{1, 3}, {2}}, {{2, 3}, {1}}, {{3, 2}, {1}}} {
		for panics := range uint32(2) {
			d.panics = panics
			d.s.fresh()
			for more := true; more; more = d.s.next(1) {
				n++
				if wrong := d.run(makers); wrong != "" {
					t.Fatalf("%s\nmakers: %v, panic at %d\nschedule: %s\ntold: %v", wrong, makers, panics, d.s, d.told)
				}
			}
		}
	}
	t.Logf("%d interleavings", n)
	assert.GreaterOrEqual(t, n, 100_000)
}

// TestExploreHook_Drawn lets rapid draw three makers of up to nine transitions, and the schedule.
func TestExploreHook_Drawn(t *testing.T) {
	d := newDeliveries(t, 3)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "transitions")
		makers := make([][]uint32, 3)
		for g := range n {
			m := rapid.IntRange(0, 2).Draw(t, "maker")
			makers[m] = append(makers[m], uint32(g+1))
		}
		for i, generations := range makers {
			makers[i] = rapid.Permutation(generations).Draw(t, "order")
		}
		d.panics = rapid.Uint32Range(0, 9).Draw(t, "panic")
		schedule := rapid.SliceOfN(rapid.IntRange(0, 2), 0, 100).Draw(t, "schedule")
		d.s.choices = d.s.choices[:0]
		for _, taken := range schedule {
			d.s.choices = append(d.s.choices, choice{taken: taken})
		}
		if wrong := d.run(makers); wrong != "" {
			t.Fatalf("%s: makers %v, told %v", wrong, makers, d.told)
		}
	})
}
