// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

func TestGroup_OneBreakerForEachKey(t *testing.T) {
	r := breakers.NewRegistry()
	g := breakers.NewGroup(r, 10, func(tenant string) []atomicbreaker.Option {
		return []atomicbreaker.Option{atomicbreaker.WithFailureThreshold(len(tenant))}
	}, breakers.WithGroupName("tenants"))
	a, bb := g.Get("a"), g.Get("bb")
	require.NotSame(t, a, bb)
	require.Same(t, a, g.Get("a"))
	require.Equal(t, "tenants/a", a.Name())
	a.RecordFailure()
	bb.RecordFailure()
	require.Equal(t, atomicbreaker.Open, a.State(), "the options are those of the key")
	require.Equal(t, atomicbreaker.Closed, bb.State())
	require.Equal(t, "tenants", entryOf(t, r, a).Group)
	require.Equal(t, breakers.GroupStats{Breakers: 2, States: states(atomicbreaker.Open, atomicbreaker.Closed)}, g.Stats())
	require.Len(t, r.Lookup("tenants/bb"), 1)
	require.Empty(t, r.Lookup("tenants"))
	runtime.KeepAlive(g)
}

func TestGroup_Defaults(t *testing.T) {
	g := breakers.NewGroup[int](nil, 1, nil)
	b := g.Get(7)
	require.Equal(t, "group/7", b.Name())
	b.Trip()
	shared := g.Get(8)
	require.Equal(t, "group", shared.Name())
}

func TestGroup_Sizes(t *testing.T) {
	for size, want := range map[int]string{
		0:         "breakers: group of 0 breakers: want 1..1048576",
		-1:        "breakers: group of -1 breakers: want 1..1048576",
		1<<20 + 1: "breakers: group of 1048577 breakers: want 1..1048576",
	} {
		require.PanicsWithValue(t, want, func() { breakers.NewGroup[int](nil, size, nil) })
	}
	breakers.NewGroup[int](nil, 1<<20, nil)
}

func TestGroup_BadOptionsPanic(t *testing.T) {
	g := breakers.NewGroup(nil, 1, func(n int) []atomicbreaker.Option {
		return []atomicbreaker.Option{atomicbreaker.WithFailureThreshold(n)}
	})
	require.PanicsWithError(t, "atomicbreaker: bad configuration: WithFailureThreshold(0): want 1..65535", func() { g.Get(0) })
	require.Equal(t, 0, g.Stats().Breakers)
	g.Get(1)
}

// A map cannot find a NaN again, and cannot delete it.
func TestGroup_KeysThatDoNotEqualThemselves(t *testing.T) {
	g := breakers.NewGroup[float64](nil, 3, nil)
	one := g.Get(1)
	shared := g.Get(math.NaN())
	require.Same(t, shared, g.Get(math.NaN()))
	require.NotSame(t, one, shared)
	require.Same(t, one, g.Get(1))
	require.Equal(t, breakers.GroupStats{Breakers: 1, States: states(atomicbreaker.Closed), Overflowed: 2}, g.Stats())
}

// The order in which breakers are given up, one step after the other.
func TestGroup_GivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := breakers.NewGroup(nil, 7, func(string) []atomicbreaker.Option {
			return []atomicbreaker.Option{atomicbreaker.WithBackoff(time.Hour), atomicbreaker.WithSuccessThreshold(2)}
		})
		use := map[string]func(*atomicbreaker.Breaker){
			"forced open":   (*atomicbreaker.Breaker).ForceOpen,
			"forced closed": (*atomicbreaker.Breaker).ForceClosed,
			"failed": func(b *atomicbreaker.Breaker) {
				b.RecordFailure()
			},
			"due later":   func(b *atomicbreaker.Breaker) { b.TripFor(40 * time.Second) },
			"due earlier": func(b *atomicbreaker.Breaker) { b.TripFor(10 * time.Second) },
			"cooling":     func(b *atomicbreaker.Breaker) { b.TripFor(time.Hour) },
			"half-open":   func(b *atomicbreaker.Breaker) { b.Trip() },
		}
		for _, key := range []string{"forced open", "forced closed", "failed", "due later", "due earlier", "cooling", "half-open"} {
			use[key](g.Get(key))
		}
		time.Sleep(time.Minute)
		require.True(t, g.Get("half-open").Allow())
		for i, gone := range []string{"due earlier", "due later", "failed"} {
			key := strings.Repeat("x", i+1)
			g.Get(key).ForceOpen()
			members := breakers.Members(g)
			require.NotContains(t, members, gone)
			require.Contains(t, members, key)
			require.Len(t, members, 7)
		}
		shared := g.Get("no place")
		require.NotContains(t, breakers.Members(g), "no place")
		require.Same(t, shared, g.Get("no place either"))
		require.EqualValues(t, 3, g.Stats().Evicted)
		require.EqualValues(t, 2, g.Stats().Overflowed)

		g.Get("forced open").Reset()
		require.NotSame(t, shared, g.Get("no place"), "there is a place now")
		require.NotContains(t, breakers.Members(g), "forced open")
	})
}

// A breaker that closed after an outage is not like a new one: its back-off remembers.
func TestGroup_AttemptsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := breakers.NewGroup(nil, 2, func(string) []atomicbreaker.Option {
			return []atomicbreaker.Option{atomicbreaker.WithBackoff(time.Hour)}
		})
		b := g.Get("recovered")
		b.Trip()
		for range 2 {
			time.Sleep(2 * time.Minute)
			p, _ := b.TryAcquire()
			if b.Snapshot().Attempt == 0 {
				p.Failure()
			} else {
				p.Success()
			}
		}
		s := b.Snapshot()
		require.Equal(t, atomicbreaker.Closed, s.State)
		require.Zero(t, s.Failures)
		require.Positive(t, s.Attempt)
		g.Get("new")
		g.Get("another")
		require.Contains(t, breakers.Members(g), "recovered")
		require.NotContains(t, breakers.Members(g), "new")
	})
}

func TestGroup_ConcurrentUse(t *testing.T) {
	r := breakers.NewRegistry()
	g := breakers.NewGroup[int](r, 8, nil)
	var users sync.WaitGroup
	for i := range 4 {
		users.Go(func() {
			for n := range 2000 {
				b := g.Get((n*7 + i) % 20)
				switch n % 5 {
				case 0:
					b.Trip()
				case 1:
					b.Reset()
				case 2:
					b.RecordFailure()
				default:
					b.RecordSuccess()
				}
				if g.Stats().Breakers > 8 {
					t.Error("more than the size")
				}
			}
		})
	}
	users.Wait()
	require.LessOrEqual(t, len(breakers.Members(g)), 8)
}

func TestGroup_ConcurrentFirstCallsGetTheSameBreaker(t *testing.T) {
	g := breakers.NewGroup[int](nil, 1000, nil)
	got := make([][]*atomicbreaker.Breaker, 4)
	var users sync.WaitGroup
	for i := range got {
		users.Go(func() {
			for key := range 1000 {
				got[i] = append(got[i], g.Get(key))
			}
		})
	}
	users.Wait()
	for _, list := range got {
		require.True(t, equal(got[0], list))
	}
}

func equal(a, b []*atomicbreaker.Breaker) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// options may use the group that calls it.
func TestGroup_OptionsMayCallGet(t *testing.T) {
	var g *breakers.Group[int]
	g = breakers.NewGroup(nil, 10, func(n int) []atomicbreaker.Option {
		if n > 0 {
			g.Get(n - 1)
		}
		return nil
	})
	g.Get(5)
	require.Equal(t, 6, g.Stats().Breakers)
}

func TestGroup_AnEvictedBreakerKeepsWorking(t *testing.T) {
	r := breakers.NewRegistry()
	g := breakers.NewGroup[string](r, 1, nil)
	old := g.Get("a")
	g.Get("b").Trip()
	old.Trip()
	require.False(t, old.Allow())
	require.Equal(t, "group", entryOf(t, r, old).Group)
	require.Equal(t, 2, r.Totals()[0].Breakers, "both are in use")
	runtime.KeepAlive(old)
	runtime.KeepAlive(g)
}

// A breaker that is in use keeps neither its group nor the other breakers in memory.
func TestGroup_ABreakerDoesNotKeepItsGroup(t *testing.T) {
	r := breakers.NewRegistry()
	b, other := func() (*atomicbreaker.Breaker, weak.Pointer[atomicbreaker.Breaker]) {
		g := breakers.NewGroup[int](r, 10, nil)
		b := g.Get(1)
		b.Trip()
		return b, weak.Make(g.Get(2))
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		return other.Value() == nil
	}, 30*time.Second, time.Millisecond)
	require.Equal(t, "group", entryOf(t, r, b).Group)
}
