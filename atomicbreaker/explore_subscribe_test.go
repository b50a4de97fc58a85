// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/internal/explore"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// subscriptions is a breaker to which some threads subscribe while others make transitions.
type subscriptions struct {
	s      *explore.Scheduler
	b      *Breaker
	all    []*subscriber
	queues []*hooks // in the order in which they were added to the breaker's list
}

// subscriber is one subscription and its result.
type subscriber struct {
	received      []uint32
	inCall, wrong bool   // wrong: calls overlapped, or one began after cancel returned
	before, after uint32 // generations when Subscribe was called and when it returned
	over          bool   // cancel has returned
	last          uint32 // the generation when cancel returned
}

func (x *subscriptions) subscribe() (cancel func()) {
	o := &subscriber{before: x.generation()}
	x.all = append(x.all, o)
	end := x.b.Subscribe(func(t Transition) {
		o.wrong = o.wrong || o.inCall || o.over
		o.inCall = true
		x.s.Point() // other threads can run during a call
		o.inCall = false
		o.received = append(o.received, t.Generation)
	})
	o.after = x.generation()
	return func() {
		end()
		o.last, o.over = x.generation(), true
	}
}

// generation reads the word without being a switch point.
func (x *subscriptions) generation() uint32 { return word.Word(x.b.word.Value).Generation() }

// saw tells the scheduler what an access to a queue, or to the list of queues, returned.
func (x *subscriptions) saw(v any) {
	var h uint64
	switch v := v.(type) {
	case uint32:
		h = uint64(v)
	case bool:
		if v {
			h = 1
		}
	case *delivery:
		if v != nil {
			h = v.hash()
		}
	case *[]*hooks:
		if v != nil {
			for _, q := range *v {
				h = explore.Mix(h, uint64(x.index(q)))
			}
		}
	}
	x.s.Saw(h + 1)
}

// index numbers the queues from 1.
func (x *subscriptions) index(h *hooks) int {
	i := slices.Index(x.queues, h)
	if i < 0 {
		i = len(x.queues)
		x.queues = append(x.queues, h)
	}
	return i + 1
}

// shared returns the word, and a hash of everything else that the threads share.
func (x *subscriptions) shared() (w, rest uint64) {
	if list := x.b.subscriptions.Value; list != nil {
		for _, h := range *list {
			rest = explore.Mix(rest, uint64(x.index(h)))
		}
	}
	for _, h := range x.queues {
		rest = explore.Mix(rest, h.hash())
	}
	for _, o := range x.all {
		rest = explore.Mix(rest, uint64(o.before)<<32|uint64(o.after))
		rest = explore.Mix(rest, uint64(o.last)<<32|uint64(len(o.received)))
		for _, g := range o.received {
			rest = explore.Mix(rest, uint64(g))
		}
		for _, flag := range []bool{o.inCall, o.wrong, o.over} {
			if rest <<= 1; flag {
				rest++
			}
		}
	}
	return x.b.word.Value, rest
}

// judge reports what is wrong at the end of a run.
func (x *subscriptions) judge() string {
	canceled := 0
	for i, o := range x.all {
		if o.over {
			canceled++
		}
		if o.wrong {
			return fmt.Sprintf("subscription %d: two calls overlapped, or one began after cancel returned", i)
		}
		if len(o.received) == 0 {
			if !o.over && o.after != x.generation() {
				return fmt.Sprintf("subscription %d: nothing was delivered after %d", i, o.after)
			}
			continue
		}
		first, last := o.received[0], o.received[len(o.received)-1]
		for n, g := range o.received {
			if g != (first+uint32(n))&word.MaxGeneration {
				return fmt.Sprintf("subscription %d: transitions not delivered exactly once and in order", i)
			}
		}
		// Generations wrap, so these are distances.
		early, late := (first-o.before)&word.MaxGeneration, (o.after+1-first)&word.MaxGeneration
		switch {
		case early == 0 || early > 10:
			return fmt.Sprintf("subscription %d: received a transition from before Subscribe", i)
		case late > 10:
			return fmt.Sprintf("subscription %d: began late", i)
		case !o.over && last != x.generation():
			return fmt.Sprintf("subscription %d: ended early", i)
		case o.over && (o.last-last)&word.MaxGeneration > 10:
			return fmt.Sprintf("subscription %d: received a transition from after cancel", i)
		}
	}
	var held []*hooks
	if list := x.b.subscriptions.Value; list != nil {
		if held = *list; len(held) == 0 {
			return "the breaker kept an empty list of subscriptions"
		}
	}
	if len(held) != len(x.all)-canceled {
		return fmt.Sprintf("%d subscriptions are held", len(held))
	}
	for i, h := range x.queues {
		// A publisher that loads the list after a cancel may leave a gap in the canceled queue.
		left := h.head != h.tail.Value || slices.Contains(held, h) && len(h.early) > 0
		if h.pending.Value != 0 || left {
			return fmt.Sprintf("queue %d: not empty at the end", i)
		}
	}
	return ""
}

// TestExploreSubscribe explores all interleavings of goroutines that subscribe, cancel and make
// transitions. Each goroutine that delivers is a thread too. It checks I7 and I8.
func TestExploreSubscribe(t *testing.T) {
	type program = func(x *subscriptions)
	var (
		subscribe   = func(x *subscriptions) { x.subscribe() }
		canceled    = func(x *subscriptions) { x.subscribe()() }
		forceOpen   = func(x *subscriptions) { x.b.ForceOpen() }
		forceClosed = func(x *subscriptions) { x.b.ForceClosed() }
		twice       = func(x *subscriptions) { x.b.ForceOpen(); x.b.Reset() }
	)
	for _, shape := range []struct {
		name     string
		bases    []uint32
		programs []program
		slow     bool // a minute or so
	}{
		{"two publishers", bases, []program{subscribe, forceOpen, forceClosed}, false},
		{"two publishers, canceled", bases[1:], []program{canceled, forceOpen, forceClosed}, false},
		{"two publishers, three made", bases, []program{subscribe, twice, forceClosed}, true},
		{"two subscribers", bases, []program{subscribe, subscribe, forceOpen}, false},
		{"two subscribers, one canceled", bases[:1], []program{subscribe, canceled, forceOpen}, false},
	} {
		t.Run(shape.name, func(t *testing.T) {
			if shape.slow && !whole {
				t.Skip("runs with make explore only")
			}
			x := &subscriptions{s: explore.New(5)}
			x.s.Shared, x.s.Own, x.s.Forget = x.shared, true, true
			defer x.s.Close()
			defer explore.Observe(x.s.Point, x.saw, x.s.Go)()
			n, runs := 0, 0
			for _, base := range shape.bases {
				x.s.Restart()
				for more := true; more; {
					futures, wrong := x.once(base, shape.programs)
					if wrong != "" {
						t.Fatalf("%s\nschedule: %s", wrong, x.s)
					}
					n += futures
					runs++
					more = x.s.Next(futures)
				}
			}
			t.Logf("%d interleavings, %d runs", n, runs)
			assert.GreaterOrEqual(t, n, 10_000_000)
		})
	}
}

// once runs one interleaving and reports what is wrong with it. futures is the number of
// interleavings that it stands for.
func (x *subscriptions) once(base uint32, programs []func(x *subscriptions)) (futures int, wrong string) {
	x.b, x.all, x.queues = MustNew("explored"), x.all[:0], x.queues[:0]
	x.b.word.Value = uint64(word.Pack(word.Fields{Generation: base}))
	x.b.word.Seam = explore.Seam{Before: x.s.Point, Saw: x.s.Saw}
	runs := make([]func(), len(programs))
	for i, p := range programs {
		runs[i] = func() { p(x) }
	}
	futures, err := x.s.Run(runs)
	if err != nil {
		return futures, err.Error()
	}
	return futures, x.judge()
}

// TestExploreSubscribe_NothingIsSkipped checks that a known state stands for the right number of
// interleavings: what a thread has read determines how it continues.
func TestExploreSubscribe_NothingIsSkipped(t *testing.T) {
	programs := []func(x *subscriptions){
		func(x *subscriptions) { x.subscribe() },
		func(x *subscriptions) { x.b.ForceOpen(); x.b.Reset() },
	}
	var counts [2]int
	for known := range counts {
		x := &subscriptions{s: explore.New(5)}
		restore := explore.Observe(x.s.Point, x.saw, x.s.Go)
		if known == 1 {
			x.s.Shared, x.s.Own, x.s.Forget = x.shared, true, true
		}
		x.s.Restart()
		for more := true; more; {
			futures, wrong := x.once(bases[0], programs)
			assert.Empty(t, wrong)
			counts[known] += futures
			more = x.s.Next(futures)
		}
		restore()
		x.s.Close()
	}
	assert.Equal(t, counts[0], counts[1])
	assert.Greater(t, counts[0], 100_000)
}
