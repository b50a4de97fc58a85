// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"
	"go.uber.org/atomic"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// entryOf returns the entry of b.
func entryOf(t *testing.T, r *breakers.Registry, b *atomicbreaker.Breaker) breakers.Entry {
	t.Helper()
	for e := range r.All() {
		if e.Breaker == b {
			return e
		}
	}
	require.Fail(t, "the registry does not have the breaker")
	return breakers.Entry{}
}

// underRace reports whether the race detector is on, which makes large tests slow and adds memory
// of its own.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func TestRegistry_NewBreakers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := breakers.NewRegistry()
		made := time.Now()
		b, err := r.New("loki", atomicbreaker.WithFailureThreshold(2))
		require.NoError(t, err)
		time.Sleep(time.Minute)
		e := entryOf(t, r, b)
		require.NotZero(t, e.ID)
		require.Equal(t, breakers.Entry{ID: e.ID, Name: "loki", Breaker: b, Since: made}, e)
		b.RecordFailure()
		require.Equal(t, 1, entryOf(t, r, b).Snapshot.Failures)
	})
}

func TestRegistry_AnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := breakers.NewRegistry()
		b := r.MustNew("loki", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(10*time.Second))
		require.Error(t, b.Do(func() error { return io.ErrClosedPipe }))
		opened := time.Now()
		time.Sleep(4 * time.Second)
		e := entryOf(t, r, b)
		require.Equal(t, atomicbreaker.Open, e.Snapshot.State)
		require.Equal(t, opened, e.Since)
		require.Equal(t, 6*time.Second, e.RetryAfter)
		require.Equal(t, 4*time.Second, e.NotClosed, "includes the time since the breaker opened")
		require.Equal(t, io.ErrClosedPipe, e.LastError)

		time.Sleep(7 * time.Second)
		require.NoError(t, b.Do(func() error { return nil }))
		closed := time.Now()
		time.Sleep(time.Hour)
		e = entryOf(t, r, b)
		require.Equal(t, atomicbreaker.Closed, e.Snapshot.State)
		require.Equal(t, closed, e.Since)
		require.Zero(t, e.RetryAfter)
		require.Equal(t, 11*time.Second, e.NotClosed)
		require.Equal(t, io.ErrClosedPipe, e.LastError, "the error stays when the breaker has closed")
		require.Len(t, e.History, 3)
		require.EqualValues(t, 3, e.Transitions.Sum())
		require.EqualValues(t, 1, e.Transitions.Of(breakers.TransitionKind{
			From: atomicbreaker.HalfOpen, To: atomicbreaker.Closed, Cause: atomicbreaker.CauseProbeSucceeded,
		}))
	})
}

// The hook runs before those of the user, so that an Entry that a hook reads includes the
// transition.
func TestRegistry_TheHookComesFirst(t *testing.T) {
	r := breakers.NewRegistry()
	var seen uint64
	b := r.MustNew("loki", atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) {
		seen = r.Lookup("loki")[0].Transitions.Sum()
	}))
	b.Trip()
	require.EqualValues(t, 1, seen)
}

func TestRegistry_BadOptionsRegisterNothing(t *testing.T) {
	r := breakers.NewRegistry()
	bad := []atomicbreaker.Option{atomicbreaker.WithFailureThreshold(0), nil}
	_, want := atomicbreaker.New("loki", bad...)
	b, err := r.New("loki", bad...)
	require.Nil(t, b)
	require.ErrorIs(t, err, atomicbreaker.ErrConfig)
	require.Equal(t, want.Error(), err.Error(), "the options are counted without the registry's own")
	require.Panics(t, func() { r.MustNew("loki", bad...) })
	require.Zero(t, breakers.Registered(r))
}

// New must not write into the caller's slice of options.
func TestRegistry_OptionsMayBeShared(t *testing.T) {
	r := breakers.NewRegistry()
	shared := make([]atomicbreaker.Option, 0, 4)
	shared = append(shared, atomicbreaker.WithFailureThreshold(1))
	first, second := r.MustNew("first", shared...), r.MustNew("second", shared...)
	second.RecordFailure()
	require.Zero(t, entryOf(t, r, first).Transitions.Sum())
	require.EqualValues(t, 1, entryOf(t, r, second).Transitions.Sum())
}

func TestRegistry_NamesNeedNotBeUnique(t *testing.T) {
	r := breakers.NewRegistry()
	a, b, c := r.MustNew("loki"), r.MustNew("otlp"), r.MustNew("loki")
	var all []*atomicbreaker.Breaker
	ids := make(map[uint64]bool)
	for e := range r.All() {
		all = append(all, e.Breaker)
		ids[e.ID] = true
		found, ok := r.ByID(e.ID)
		require.True(t, ok)
		require.Equal(t, e, found)
	}
	require.Equal(t, []*atomicbreaker.Breaker{a, b, c}, all, "in the order in which they were made")
	require.Len(t, ids, 3)
	found := r.Lookup("loki")
	require.Len(t, found, 2)
	require.Same(t, a, found[0].Breaker)
	require.Same(t, c, found[1].Breaker)
	require.Empty(t, r.Lookup("syslog"))
	_, ok := r.ByID(0)
	require.False(t, ok)
	for range r.All() {
		break
	}
	runtime.KeepAlive([]any{a, b, c})
}

func TestRegistry_TwoRegistriesHaveNoIDInCommon(t *testing.T) {
	r1, r2 := breakers.NewRegistry(), breakers.NewRegistry()
	a, b := r1.MustNew("a"), r2.MustNew("b")
	require.NotEqual(t, entryOf(t, r1, a).ID, entryOf(t, r2, b).ID)
	require.Empty(t, r1.Lookup("b"))
}

// The loop body may use the registry, which must not be locked meanwhile.
func TestRegistry_TheLoopBodyMayCallTheRegistry(t *testing.T) {
	r := breakers.NewRegistry()
	first := r.MustNew("first")
	n := 0
	for e := range r.All() {
		n++
		require.NoError(t, r.Attach(e.Breaker, breakerio.NewWriter(e.Breaker, io.Discard, nil)))
		e.Breaker.Trip()
		r.MustNew("made in the loop")
		r.Totals()
	}
	require.Equal(t, 1, n)
	runtime.KeepAlive(first)
}

func TestRegistry_ForgetsADroppedBreakerAndItsParts(t *testing.T) {
	for name, use := range map[string]func(*breakers.Registry, *atomicbreaker.Breaker){
		"new":     func(*breakers.Registry, *atomicbreaker.Breaker) {},
		"closed":  func(_ *breakers.Registry, b *atomicbreaker.Breaker) { b.Trip(); b.Reset() },
		"tripped": func(_ *breakers.Registry, b *atomicbreaker.Breaker) { b.TripFor(time.Hour) },
		"an error that refers to it": func(_ *breakers.Registry, b *atomicbreaker.Breaker) {
			for range 5 {
				_ = b.Do(func() error { return refers{b} })
			}
		},
		"read": func(r *breakers.Registry, b *atomicbreaker.Breaker) {
			b.Trip()
			for range r.All() {
				r.Totals()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := breakers.NewRegistry()
			kept := r.MustNew("kept")
			breaker, part := func() (weak.Pointer[atomicbreaker.Breaker], weak.Pointer[breakerio.Writer]) {
				b := r.MustNew("dropped")
				w := breakerio.NewWriter(b, io.Discard, nil)
				require.NoError(t, r.Attach(b, w))
				use(r, b)
				return weak.Make(b), weak.Make(w)
			}()
			require.Eventually(t, func() bool {
				runtime.GC()
				return breaker.Value() == nil && part.Value() == nil && breakers.Registered(r) == 1
			}, 30*time.Second, time.Millisecond)
			var left []string
			for e := range r.All() {
				left = append(left, e.Name)
			}
			require.Equal(t, []string{"kept"}, left)
			runtime.KeepAlive(kept)
		})
	}
}

// A program that makes breakers all the time and never reads the registry.
func TestRegistry_NewForgetsDroppedBreakers(t *testing.T) {
	r := breakers.NewRegistry()
	for range 10 {
		for range 1000 {
			r.MustNew("dropped")
		}
		runtime.GC()
	}
	require.Less(t, breakers.Slots(r), 5000)
}

// refers is an error that refers to a breaker.
type refers struct{ to *atomicbreaker.Breaker }

func (e refers) Error() string { return e.to.Name() + ": down" }

// A breaker keeps its parts, although nothing else refers to them.
func TestRegistry_ABreakerInUseKeepsItsParts(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	part := func() weak.Pointer[breakerio.Writer] {
		w := breakerio.NewWriter(b, io.Discard, nil)
		require.NoError(t, r.Attach(b, w))
		return weak.Make(w)
	}()
	for range 3 {
		runtime.GC()
	}
	require.NotNil(t, part.Value())
	require.Len(t, entryOf(t, r, b).Parts, 1)
	runtime.KeepAlive(b)
}

func TestRegistry_ConcurrentUse(t *testing.T) {
	r := breakers.NewRegistry()
	var done atomic.Uint32
	for range 4 {
		go func() {
			defer done.Inc()
			for range 50 {
				b := r.MustNew("loki")
				_ = r.Attach(b, breakerio.NewWriter(b, io.Discard, nil))
				b.Trip()
				b.Reset()
			}
		}()
	}
	require.Eventually(t, func() bool {
		runtime.GC()
		var sum uint64
		for e := range r.All() {
			sum += e.Transitions.Sum()
		}
		for _, total := range r.Totals() {
			require.GreaterOrEqual(t, total.Transitions.Sum(), sum)
		}
		return done.Load() == 4
	}, 30*time.Second, time.Millisecond)
	totals := r.Totals()
	require.Len(t, totals, 1)
	require.EqualValues(t, 400, totals[0].Transitions.Sum(), "of breakers in use and of dropped ones")
}

func TestRegistry_Default(t *testing.T) {
	b := breakers.Default.MustNew(t.Name())
	require.Len(t, breakers.Default.Lookup(t.Name()), 1)
	runtime.KeepAlive(b)
}
