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

// TestTimer_OnlyTheCurrentPeriodHasOne lets goroutines that began different periods start their
// timers in any order. Only the timer for the current word stays; the others are not started, also
// across the wrap (I9).
func TestTimer_OnlyTheCurrentPeriodHasOne(t *testing.T) {
	for _, generation := range []uint32{2, word.MaxGeneration, 0} {
		before := (generation - 1) & word.MaxGeneration
		current := word.Pack(word.Fields{Phase: word.HalfOpen, Generation: generation, Attempt: 1, Failures: 1, Calls: 1, Successes: 2})
		words := []word.Word{
			word.Pack(word.Fields{Phase: word.Cooling, Generation: before, Attempt: 1, Failures: 1}),
			word.Pack(word.Fields{Phase: word.HalfOpen, Generation: generation, Attempt: 1, Failures: 1, Calls: 1}),
			word.Pack(word.Fields{Phase: word.HalfOpen, Generation: generation, Attempt: 1, Failures: 1, Calls: 1, Successes: 1}),
			current,
		}
		permute([]uint32{0, 1, 2, 3}, func(order []uint32) {
			b := MustNew("sink")
			b.Start(current)
			for _, i := range order {
				known := b.timer.Load()
				b.start(time.Hour, words[i])
				if words[i] != current {
					require.Same(t, known, b.timer.Load(), "%v", order)
				}
			}
			require.True(t, b.timer.Load().current(current), "%v", order)
			require.True(t, b.timer.Load().timer.Load().Stop(), "%v: the timer is not pending", order)
		})
	}
}

func TestTimer_APeriodThatEndedLosesItsTimer(t *testing.T) {
	b := MustNew("sink")
	b.Trip()
	cooling := b.timer.Load().timer.Load()
	b.Start(word.Pack(word.Fields{Phase: word.Due, Generation: 1}))
	b.timer.Store(&periodTimer{armed: true, event: word.Event{Generation: 1}})
	b.timer.Load().timer.Store(cooling)
	require.True(t, b.Allow())
	require.False(t, cooling.Stop(), "the cooling timer is still pending")
	require.True(t, b.timer.Load().timer.Load().Stop(), "the probe's timer is not pending")
}

func TestTimer_OneForEachNumberOfSuccesses(t *testing.T) {
	b := MustNew("sink")
	half := word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 2, Attempt: 1, Failures: 1, Calls: 1})
	b.Start(half)
	b.start(time.Hour, half)
	first := b.timer.Load()
	b.start(time.Hour, half)
	require.Same(t, first, b.timer.Load(), "a second probe timer was started")
	first.fired.Store(1)
	b.start(time.Hour, half)
	second := b.timer.Load()
	require.NotSame(t, first, second, "a timer that has fired was reused")

	one := word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 2, Attempt: 1, Failures: 1, Calls: 1, Successes: 1})
	b.word.Store(uint64(one))
	b.start(time.Hour, one)
	require.NotSame(t, second, b.timer.Load(), "a timer with another number of successes was reused")
	require.False(t, second.timer.Load().Stop())
}

// TestTimer_TripForOfAnUnknownDeadline calls TripFor on a breaker that has opened and whose timer
// the opening goroutine has not started yet.
func TestTimer_TripForOfAnUnknownDeadline(t *testing.T) {
	for name, tt := range map[string]struct{ opening, want time.Duration }{
		"a shorter opening lasts as long as TripFor says": {time.Minute, 2*time.Hour + time.Second},
		"a longer one as long as before":                  {3 * time.Hour, 3 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := MustNew("sink")
				cooling := word.Pack(word.Fields{Phase: word.Cooling, Generation: 1, Failures: 5})
				b.word.Store(uint64(cooling))
				b.TripFor(2 * time.Hour)
				b.TripFor(time.Hour)
				require.Equal(t, cooling, b.Word(), "no transition")
				require.Equal(t, 2*time.Hour+time.Second, b.RetryAfter())
				b.start(tt.opening, cooling)
				require.Equal(t, tt.want, b.RetryAfter())
				time.Sleep(tt.want - time.Nanosecond)
				synctest.Wait()
				require.Equal(t, word.Cooling, b.Word().Phase())
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				require.Equal(t, word.Due, b.Word().Phase())
			})
		})
	}
}

// A sink that fails every call, and an operator that keeps tripping, start a timer each time. A
// timer of a period that is over must not be kept until its original deadline.
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
		tripped.TripFor(time.Hour + 2*time.Second*time.Duration(i))
		if i%100 == 0 {
			runtime.Gosched() // the runtime drops stopped timers when it schedules, not before
		}
	}
	require.Less(t, objects()-before, int64(n), "objects left by %d timers of each, three objects a timer", n)
	require.Equal(t, uint32(n), tripped.Snapshot().Generation)
	runtime.KeepAlive(failing)
	runtime.KeepAlive(tripped)
}

// A timer that fires before it can be stopped posts the event of its own period, not of the current
// one (I3).
func TestTimer_ALateTimerIsVoid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := MustNew("sink")
		before := word.Pack(word.Fields{Phase: word.Cooling, Generation: 5, Attempt: 1, Failures: 1})
		b.word.Store(uint64(before))
		b.start(time.Second, before)
		cooling := word.Pack(word.Fields{Phase: word.Cooling, Generation: 7, Attempt: 1, Failures: 1})
		b.Start(cooling)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, cooling, b.Word())
	})
}

// The stability timer restarts while attempts are left, and then stops.
func TestTimer_StabilityEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := MustNew("sink", WithRecoveryTimeout(time.Second))
		b.Start(word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 6, Attempt: 2, Failures: 5, Calls: 1}))
		b.RecordSuccess()
		for _, attempt := range []uint32{3, 1, 0} {
			require.Equal(t, attempt, b.Word().Attempt())
			require.Equal(t, attempt > 0, b.timer.Load().pending())
			time.Sleep(time.Second)
			synctest.Wait()
		}
		require.False(t, b.timer.Load().pending())
	})
}

// A step of the wall clock must not move a deadline. Round strips a time's monotonic reading.
func TestTimer_DeadlineIsMonotonic(t *testing.T) {
	b := MustNew("sink")
	b.Trip()
	until := b.timer.Load().until
	require.NotEqual(t, until.Round(0), until)
}

func TestRetryAfter_HasNoJitterBeforeTheTimerIsKnown(t *testing.T) {
	b := MustNew("sink", WithRecoveryTimeout(time.Second), WithBackoff(time.Hour), WithJitter(1))
	b.word.Store(uint64(word.Pack(word.Fields{Phase: word.Cooling, Generation: 1, Attempt: 2, Failures: 5})))
	require.Equal(t, 4*time.Second, b.RetryAfter(), "no timer")
	b.Reset()
	b.Trip()
	b.word.Store(uint64(word.Pack(word.Fields{Phase: word.Cooling, Generation: 5, Attempt: 2, Failures: 5})))
	require.Equal(t, 4*time.Second, b.RetryAfter(), "the deadline of another period was used")
}
