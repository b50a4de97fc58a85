// SPDX-License-Identifier: Apache-2.0

package page

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

func TestSort_TheWorstFirst(t *testing.T) {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	want := []Breaker{
		{ID: 4, Name: "b", State: atomicbreaker.Open, Since: at},
		{ID: 1, Name: "a", State: atomicbreaker.Open, Since: at.Add(time.Minute)},
		{ID: 2, Name: "a", State: atomicbreaker.Open, Since: at.Add(time.Minute)},
		{ID: 3, Name: "a", State: atomicbreaker.HalfOpen},
		{ID: 5, Name: "a", State: atomicbreaker.ForcedOpen},
		{ID: 6, Name: "a", State: atomicbreaker.ForcedClosed},
		{ID: 9, Name: "z", State: atomicbreaker.Closed, Failures: 4, Since: at.Add(time.Hour)},
		{ID: 8, Name: "a", State: atomicbreaker.Closed, Since: at},
		{ID: 7, Name: "b", State: atomicbreaker.Closed},
	}
	rapid.Check(t, func(t *rapid.T) {
		mixed := rapid.Permutation(want).Draw(t, "mixed")
		Sort(mixed)
		require.Equal(t, want, mixed)
	})
}

func TestSortGroups_TheWorstFirst(t *testing.T) {
	want := []Group{
		{Name: "many open", States: States{Open: 3, Closed: 1}},
		{Name: "one open", States: States{Open: 1, HalfOpen: 5}},
		{Name: "half-open", States: States{HalfOpen: 1}},
		{Name: "forced", States: States{ForcedOpen: 1, Closed: 100}},
		{Name: "a", States: States{Closed: 1}},
		{Name: "b", States: States{Closed: 1}},
		{Name: "empty"},
	}
	rapid.Check(t, func(t *rapid.T) {
		mixed := rapid.Permutation(want).Draw(t, "mixed")
		SortGroups(mixed)
		require.Equal(t, want, mixed)
	})
}

// The pages have each breaker once, and a number beyond the last page is the last page.
func TestCut_EachBreakerIsOnOnePage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := make([]Breaker, rapid.IntRange(0, 5*Size).Draw(t, "breakers"))
		for i := range all {
			all[i].ID = uint64(i)
		}
		var seen []Breaker
		pages := Cut(all, 1).Pages
		for number := 1; number <= pages; number++ {
			p := Cut(all, number)
			require.LessOrEqual(t, len(p.Breakers), Size)
			require.Equal(t, p.Last-p.First+1, len(p.Breakers))
			require.Equal(t, len(seen)+1, p.First)
			require.Equal(t, len(all), p.Amount)
			seen = append(seen, p.Breakers...)
		}
		require.Equal(t, len(all), len(seen))
		for i, b := range seen {
			require.Equal(t, uint64(i), b.ID)
		}
		require.Equal(t, Cut(all, pages), Cut(all, pages+rapid.IntRange(1, 1000).Draw(t, "beyond")))
	})
}
