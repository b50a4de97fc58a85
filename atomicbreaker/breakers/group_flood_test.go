// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"flag"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

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
