// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"reflect"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// recordings are calls that record something on a closed breaker with one failure counted.
var recordings = map[string]func(*atomicbreaker.Breaker){
	"RecordSuccess": (*atomicbreaker.Breaker).RecordSuccess,
	"RecordFailure": (*atomicbreaker.Breaker).RecordFailure,
	"Trip":          (*atomicbreaker.Breaker).Trip,
	"TripFor":       func(b *atomicbreaker.Breaker) { b.TripFor(time.Hour) },
	"Reset":         (*atomicbreaker.Breaker).Reset,
	"ForceOpen":     (*atomicbreaker.Breaker).ForceOpen,
	"ForceClosed":   (*atomicbreaker.Breaker).ForceClosed,
	"Do":            func(b *atomicbreaker.Breaker) { _ = b.Do(up) },
	"Call":          func(b *atomicbreaker.Breaker) { _, _ = atomicbreaker.Call(b, upValue) },
	"Success":       func(b *atomicbreaker.Breaker) { p, _ := b.TryAcquire(); p.Success() },
	"Failure":       func(b *atomicbreaker.Breaker) { p, _ := b.TryAcquire(); p.Failure() },
	"Fail":          func(b *atomicbreaker.Breaker) { p, _ := b.TryAcquire(); p.Fail(errDown) },
	"Cancel":        func(b *atomicbreaker.Breaker) { p, _ := b.TryAcquire(); p.Cancel() },
	"Report":        func(b *atomicbreaker.Breaker) { p, _ := b.TryAcquire(); p.Report(errDown) },
	"Snapshot":      func(b *atomicbreaker.Breaker) { b.Snapshot() },
}

const notMade = "atomicbreaker: a Breaker that New did not make, or a copy of one"

func TestBreaker_ZeroPanicsClearly(t *testing.T) {
	for name, record := range recordings {
		t.Run(name, func(t *testing.T) {
			var b atomicbreaker.Breaker
			if name == "RecordSuccess" || name == "Success" {
				record(&b) // nothing to record: the fast half checks the word alone
				return
			}
			require.PanicsWithValue(t, notMade, func() { record(&b) })
		})
	}
}

// copied copies b where go vet does not see it.
func copied(b *atomicbreaker.Breaker) *atomicbreaker.Breaker {
	c := new(atomicbreaker.Breaker)
	reflect.ValueOf(c).Elem().Set(reflect.ValueOf(b).Elem())
	return c
}

func TestBreaker_CopyPanicsClearly(t *testing.T) {
	for name, record := range recordings {
		t.Run(name, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink")
			b.RecordFailure()
			c := copied(b)
			require.PanicsWithValue(t, notMade, func() { record(c) })
			require.Equal(t, b.Word(), c.Word())
			require.Equal(t, atomicbreaker.Snapshot{Failures: 1}, b.Snapshot())
		})
	}
	// The timer of an open breaker belongs to the original, so a copy would reject forever. The
	// fast half of Do has no room for the check, and answers as it does on an open breaker.
	for name, recovery := range map[string]time.Duration{"due": 0, "open": time.Hour} {
		t.Run(name, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(recovery))
			b.Trip()
			c := copied(b)
			require.PanicsWithValue(t, notMade, func() { _ = c.Allow() })
			require.PanicsWithValue(t, notMade, func() { _, _ = c.TryAcquire() })
		})
	}
}

// A nil function panics before admission: it is not a failure, and takes no probe's place.
func TestDo_NilPanicsAndDoesNotVote(t *testing.T) {
	for name, tt := range map[string]struct {
		call func(*atomicbreaker.Breaker)
		want string
	}{
		"Do":   {func(b *atomicbreaker.Breaker) { _ = b.Do(nil) }, "atomicbreaker: Do of a nil function"},
		"Call": {func(b *atomicbreaker.Breaker) { _, _ = atomicbreaker.Call[int](b, nil) }, "atomicbreaker: Call of a nil function"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, start := range []word.Word{
				word.Pack(word.Fields{Generation: 6, Attempt: 2, Failures: 4}), word.Pack(word.Fields{Phase: word.Due, Generation: 6, Attempt: 2, Failures: 5}), word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 6, Attempt: 2, Failures: 5}),
				word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 6, Attempt: 2, Failures: 5, Calls: 1}), word.Pack(word.Fields{Phase: word.ForcedClosed, Generation: 6, Attempt: 2, Failures: 5}),
			} {
				b, l := kept(t)
				b.Start(start)
				require.PanicsWithValue(t, tt.want, func() { tt.call(b) })
				require.Equal(t, start, b.Word())
				require.Empty(t, l.all())
			}
		})
	}
}

// dropped makes a breaker whose hooks hold 100 KB, uses it and drops it.
//
//go:noinline
func dropped(use func(*atomicbreaker.Breaker)) (held [2]weak.Pointer[[100_000]byte]) {
	hold := func(i int) func(atomicbreaker.Transition) {
		heavy := new([100_000]byte)
		held[i] = weak.Make(heavy)
		return func(tr atomicbreaker.Transition) { heavy[tr.Generation]++ }
	}
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(time.Hour), atomicbreaker.WithProbeTimeout(time.Hour),
		atomicbreaker.WithOnTransition(hold(0)), atomicbreaker.WithAsyncOnTransition(hold(1)))
	use(b)
	return held
}

// A pending timer does not keep a dropped breaker in memory, nor what its hooks hold.
func TestTimer_DoesNotKeepADroppedBreaker(t *testing.T) {
	for name, use := range map[string]func(*atomicbreaker.Breaker){
		"tripped":                     (*atomicbreaker.Breaker).Trip,
		"tripped for a time":          func(b *atomicbreaker.Breaker) { b.TripFor(time.Hour) },
		"tripped for a longer time":   func(b *atomicbreaker.Breaker) { b.Trip(); b.TripFor(2 * time.Hour) },
		"tripped and reset":           func(b *atomicbreaker.Breaker) { b.Trip(); b.Reset() },
		"a probe in flight":           func(b *atomicbreaker.Breaker) { halfOpen(b) },
		"closed and not stable yet":   func(b *atomicbreaker.Breaker) { halfOpen(b); b.RecordSuccess() },
		"tripped and forced":          func(b *atomicbreaker.Breaker) { b.Trip(); b.ForceClosed() },
		"tripped, probed and reopens": func(b *atomicbreaker.Breaker) { halfOpen(b); b.RecordFailure() },
	} {
		t.Run(name, func(t *testing.T) {
			held := dropped(use)
			for range 100 {
				runtime.GC()
				runtime.Gosched() // an asynchronous hook may still run
				if held[0].Value() == nil && held[1].Value() == nil {
					return
				}
			}
			t.Fatal("the hooks' memory was not freed")
		})
	}
}
