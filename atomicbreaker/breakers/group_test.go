// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"flag"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

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

// The test compares a group with the rule, stated with what callers can see.
func TestGroup_SameAsTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			size := rapid.IntRange(1, 5).Draw(t, "size")
			r := breakers.NewRegistry()
			g := breakers.NewGroup(r, size, func(int) []atomicbreaker.Option {
				return []atomicbreaker.Option{
					atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(10 * time.Second),
				}
			})
			var (
				made                = make(map[int]int) // in which order
				n                   int
				due                 = make(map[*atomicbreaker.Breaker]time.Time)
				shared              *atomicbreaker.Breaker
				evicted, overflowed uint64
			)
			tend := func(b *atomicbreaker.Breaker) {
				if left := b.RetryAfter(); left > 0 {
					due[b] = time.Now().Add(left)
				}
			}
			keys := rapid.IntRange(0, 7)
			get := func(t *rapid.T) {
				key := keys.Draw(t, "key")
				before := breakers.Members(g)
				var fresh, closed, dueNow []int
				for k, b := range before {
					switch s := b.Snapshot(); {
					case s.State == atomicbreaker.Closed && s.Failures == 0:
						fresh = append(fresh, k)
					case s.State == atomicbreaker.Closed:
						closed = append(closed, k)
					case s.ProbeDue:
						dueNow = append(dueNow, k)
					}
				}
				b := g.Get(key)
				after := breakers.Members(g)
				var gone []int
				for k := range before {
					if after[k] == nil {
						gone = append(gone, k)
					} else {
						require.Same(t, before[k], after[k])
					}
				}
				switch {
				case before[key] != nil:
					require.Same(t, before[key], b)
					require.Empty(t, gone)
					return
				case len(before) < size:
					require.Empty(t, gone)
				case len(fresh) > 0:
					require.Len(t, gone, 1)
					require.Contains(t, fresh, gone[0])
				case len(dueNow) > 0:
					require.Len(t, gone, 1)
					require.Contains(t, dueNow, gone[0])
					for _, k := range dueNow {
						require.False(t, due[before[k]].Before(due[before[gone[0]]]), "%d has been due longer than %d", k, gone[0])
					}
				case len(closed) > 0:
					require.Len(t, gone, 1)
					for _, k := range closed {
						require.GreaterOrEqual(t, made[k], made[gone[0]])
					}
				default:
					require.Empty(t, gone)
					require.Nil(t, after[key])
					if shared != nil {
						require.Same(t, shared, b)
					}
					shared = b
					overflowed++
					return
				}
				evicted += uint64(len(gone))
				require.Same(t, b, after[key])
				require.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot(), "a new one")
				n++
				made[key] = n
			}
			one := func(f func(*atomicbreaker.Breaker)) func(*rapid.T) {
				return func(t *rapid.T) {
					if b := breakers.Members(g)[keys.Draw(t, "key")]; b != nil {
						f(b)
						tend(b)
					}
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"get": get, "get more": get, "get on": get,
				"trip":  one((*atomicbreaker.Breaker).Trip),
				"hold":  one(func(b *atomicbreaker.Breaker) { b.TripFor(15 * time.Second) }),
				"fail":  one((*atomicbreaker.Breaker).RecordFailure),
				"work":  one((*atomicbreaker.Breaker).RecordSuccess),
				"probe": one(func(b *atomicbreaker.Breaker) { b.Allow() }),
				"force": one((*atomicbreaker.Breaker).ForceOpen),
				"allow": one((*atomicbreaker.Breaker).ForceClosed),
				"reset": one((*atomicbreaker.Breaker).Reset),
				"sleep": func(*rapid.T) {
					time.Sleep(4 * time.Second)
					synctest.Wait()
				},
				"": func(t *rapid.T) {
					stats := g.Stats()
					require.LessOrEqual(t, stats.Breakers, size)
					require.Len(t, breakers.Members(g), stats.Breakers)
					want := breakers.GroupStats{Evicted: evicted, Overflowed: overflowed}
					for _, b := range breakers.Members(g) {
						want.Breakers++
						s := b.Snapshot()
						want.States[s.State]++
						if s.ProbeDue {
							want.ProbesDue++
						}
					}
					require.Equal(t, want, stats)
					total := r.Totals()[0]
					require.Equal(t, evicted, total.Evicted)
					require.Equal(t, overflowed, total.Overflowed)
				},
			})
		})
	})
}

// A million keys leave no more breakers than the size says, neither in the group nor in the
// registry, and one Total. There are a million if -run names the test, and fewer otherwise.
func TestGroup_AMillionKeys(t *testing.T) {
	keys := 100_000
	if strings.Contains(flag.Lookup("test.run").Value.String(), "Million") {
		keys = 1_000_000
	}
	r := breakers.NewRegistry()
	const size = 100
	g := breakers.NewGroup[int](r, size, nil)
	for key := range keys {
		b := g.Get(key)
		if key%10 == 0 {
			b.Trip()
			b.Reset()
		}
	}
	stats := g.Stats()
	require.Equal(t, size, stats.Breakers)
	require.EqualValues(t, keys-size, stats.Evicted)
	require.Zero(t, stats.Overflowed)
	dropAll(t, r, size)
	totals := r.Totals()
	require.Len(t, totals, 1)
	require.True(t, totals[0].Group)
	require.EqualValues(t, keys/10*2, totals[0].Transitions.Sum())
	require.EqualValues(t, keys-size, totals[0].Evicted)
	runtime.KeepAlive(g)
}

func TestGroup_ManyKeysWithoutAPlace(t *testing.T) {
	g := breakers.NewGroup[int](nil, 10, nil)
	for key := range 10 {
		g.Get(key).ForceOpen()
	}
	shared := g.Get(10)
	const keys = 10_000
	for key := range keys {
		if b := g.Get(key); key >= 10 {
			require.Same(t, shared, b)
		}
	}
	require.EqualValues(t, keys-10+1, g.Stats().Overflowed)
	require.Len(t, breakers.Members(g), 10)
}

// In an outage of all sinks, a flood of keys must not search all breakers for each of them.
func TestGroup_DoesNotSearchInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := breakers.NewGroup[string](nil, 3, nil)
		g.Get("later").TripFor(time.Hour)
		g.Get("first").TripFor(time.Minute)
		g.Get("forced").ForceOpen()
		require.True(t, breakers.Searches(g))
		shared := g.Get("no place")
		require.False(t, breakers.Searches(g))
		time.Sleep(time.Minute)
		require.False(t, breakers.Searches(g), "the timeout includes some slack")
		time.Sleep(time.Second)
		synctest.Wait()
		require.True(t, breakers.Searches(g))
		require.NotSame(t, shared, g.Get("after a minute"))

		g.Get("after a minute").ForceOpen()
		require.Same(t, shared, g.Get("no place"))
		require.False(t, breakers.Searches(g))
		g.Get("forced").Reset()
		require.True(t, breakers.Searches(g))
		require.NotSame(t, shared, g.Get("after a reset"))

		g.Get("after a reset").ForceClosed()
		g.Get("later").ForceClosed()
		require.Same(t, shared, g.Get("no place"))
		require.False(t, breakers.Searches(g))
		time.Sleep(1000 * time.Hour)
		require.False(t, breakers.Searches(g), "all are forced")
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
