// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker

import (
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// newWatch is a watch for w, whose timer does not fire during a test.
func newWatch(w word.Word) *watch {
	return &watch{
		posts: word.Event{Generation: w.Generation(), Successes: uint8(w.Successes())},
		timer: time.AfterFunc(time.Hour, func() {}),
	}
}

// Whoever starts a timer may be overtaken before it is known. The current one stays known and pending in whichever order
// they come, also across the wrap, and of those for another period or another number of successes at most one is left.
func TestTimer_TheCurrentOneStays(t *testing.T) {
	for _, generation := range []uint32{2, word.MaxGeneration, 0} {
		before, current := (generation-1)&word.MaxGeneration, word.Make(word.HalfOpen, generation, 1, 1, 1, 2)
		words := []word.Word{
			word.Make(word.Cooling, before, 1, 1, 0, 0),
			word.Make(word.HalfOpen, generation, 1, 1, 1, 0),
			word.Make(word.HalfOpen, generation, 1, 1, 1, 1),
			current,
		}
		permute([]uint32{0, 1, 2, 3}, func(order []uint32) {
			b := MustNew("sink")
			b.Start(current)
			watches := make([]*watch, len(words))
			for _, i := range order {
				watches[i] = newWatch(words[i])
				b.keep(watches[i])
				if watches[3] != nil {
					require.Same(t, watches[3], b.watch.Load(), "%v", order)
				}
			}
			for i, other := range watches[:3] {
				require.False(t, other.timer.Stop(), "%v: timer %d is pending", order, i)
			}
			require.True(t, watches[3].timer.Stop(), "%v: the current timer was stopped", order)
		})
	}
}

func TestTimer_TwoForTheSameAreBothLeft(t *testing.T) {
	b := MustNew("sink")
	w := word.Make(word.HalfOpen, 2, 1, 1, 1, 0)
	b.Start(w)
	first, second := newWatch(w), newWatch(w)
	b.keep(first)
	b.keep(second)
	require.True(t, first.timer.Stop(), "the earlier one is what the probe timeout promises")
	require.True(t, second.timer.Stop())
}

func TestTimer_OneThatHasFiredWatchesNobody(t *testing.T) {
	b := MustNew("sink")
	w := word.Make(word.HalfOpen, 2, 1, 1, 1, 0)
	b.Start(w)
	require.False(t, b.watched(w), "none was started")
	b.keep(newWatch(w))
	require.True(t, b.watched(w))
	require.False(t, b.watched(word.Make(word.HalfOpen, 2, 1, 1, 1, 1)), "another number of successes")
	require.False(t, b.watched(word.Make(word.HalfOpen, 3, 1, 1, 1, 0)), "another period")
	b.watch.Load().fired.Store(1)
	require.False(t, b.watched(w))
}

// A sink that fails as fast as it is asked, and an operator who keeps tripping, start a timer each time; what is over is
// not kept for as long as it would have taken.
func TestTimer_NothingPilesUp(t *testing.T) {
	const n = 50_000
	failing := MustNew("failing", WithFailureThreshold(1), WithRecoveryTimeout(0))
	tripped := MustNew("tripped")
	objects := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapObjects)
	}
	before := objects()
	for i := range n {
		_ = failing.Do(func() error { return io.ErrClosedPipe })
		tripped.TripFor(time.Hour)
		if i%100 == 0 {
			runtime.Gosched() // the runtime lets go of stopped timers when it schedules, not before
		}
	}
	require.Less(t, objects()-before, int64(n), "objects left by %d timers of each, three objects a timer", n)
	runtime.KeepAlive(failing)
	runtime.KeepAlive(tripped)
}

// A timer that fires before it could be stopped posts the period that it was started for, not the one it finds.
func TestTimer_OneThatIsLateIsVoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := MustNew("sink")
		b.start(time.Second, word.Make(word.Cooling, 5, 1, 1, 0, 0))
		cooling := word.Make(word.Cooling, 7, 1, 1, 0, 0)
		b.Start(cooling)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, cooling, b.Word())
	})
}
