// SPDX-License-Identifier: Apache-2.0

package breakerprom_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Whatever breakers, groups and parts there are and whatever happens to them, a scrape shows the
// sums of the entries, and no counter decreases.
func TestProperty_ScrapeIsTheSumOfTheEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := breakers.NewRegistry()
		name := rapid.SampledFrom([]string{"loki", "tenants", "", "loki\xff", "loki\xfe", "\uFFFD", `a"b`})
		g := breakers.NewGroup[int](r, 2, nil, breakers.WithGroupName("tenants"))
		made := []*atomicbreaker.Breaker{r.MustNew("loki")}
		drawn := rapid.Custom(func(t *rapid.T) *atomicbreaker.Breaker {
			return rapid.SampledFrom(made).Draw(t, "breaker")
		})
		count := rapid.Uint64Range(0, 9)
		var writers []*writer
		last := make(map[string]float64)
		check := func(t *rapid.T) {
			values := scrape(t, r)
			for series, want := range sums(r) {
				require.Contains(t, values, series)
				require.Equal(t, want, values[series], series)
			}
			for series, before := range last {
				if strings.Contains(series, "_total{") {
					require.GreaterOrEqual(t, values[series], before, series)
				}
			}
			last = values
		}
		t.Repeat(map[string]func(*rapid.T){
			"new": func(t *rapid.T) { made = append(made, r.MustNew(name.Draw(t, "name"))) },
			"key": func(t *rapid.T) { made = append(made, g.Get(rapid.IntRange(1, 4).Draw(t, "key"))) },
			"attach writer": func(t *rapid.T) {
				writers = append(writers, &writer{})
				require.NoError(t, r.Attach(drawn.Draw(t, "to"), writers[len(writers)-1]))
			},
			"attach spool": func(t *rapid.T) {
				require.NoError(t, r.Attach(drawn.Draw(t, "to"), &spool{guard.Backlog{Records: count.Draw(t, "records")}}))
			},
			"write": func(t *rapid.T) {
				if len(writers) > 0 {
					w := rapid.SampledFrom(writers).Draw(t, "writer")
					w.stats.Lost += count.Draw(t, "lost")
					w.stats.Busy += count.Draw(t, "busy")
				}
			},
			"fail":   func(t *rapid.T) { drawn.Draw(t, "b").RecordFailure() },
			"trip":   func(t *rapid.T) { drawn.Draw(t, "b").Trip() },
			"reset":  func(t *rapid.T) { drawn.Draw(t, "b").Reset() },
			"force":  func(t *rapid.T) { drawn.Draw(t, "b").ForceOpen() },
			"force2": func(t *rapid.T) { drawn.Draw(t, "b").ForceClosed() },
			"scrape": check,
		})
		check(t)
		for _, b := range made {
			b.Reset()
		}
		runtime.KeepAlive(made)
	})
}

// sums adds up the entries of r.
func sums(r *breakers.Registry) map[string]float64 {
	want := make(map[string]float64)
	for e := range r.All() {
		prefix, name := "", fmt.Sprintf("name=%q", label(e.Name))
		states := "state"
		if e.Group != "" {
			prefix, name, states = "group_", fmt.Sprintf("name=%q", label(e.Group)), "group_breakers"
		}
		want[fmt.Sprintf("%s{%s,state=%q}", states, name, e.Snapshot.State)]++
		if prefix == "" {
			want["failures{"+name+"}"] += float64(e.Snapshot.Failures)
			for kind, n := range e.Transitions.All() {
				series := fmt.Sprintf("transitions_total{cause=%q,from=%q,%s,to=%q}", kind.Cause, kind.From, name, kind.To)
				want[series] += float64(n)
			}
		} else {
			for kind, n := range e.Transitions.All() {
				if kind.From == atomicbreaker.Closed && kind.To == atomicbreaker.Open {
					want["group_opened_total{"+name+"}"] += float64(n)
				}
			}
		}
		for _, part := range e.Parts {
			addPart(want, name, part)
		}
	}
	return want
}

func addPart(want map[string]float64, name string, part breakers.Part) {
	if w := part.Writes; w != nil {
		want["lost_total{"+name+"}"] += float64(w.Lost)
		want[`diverted_total{`+name+`,reason="busy"}`] += float64(w.Busy)
		want[`diverted_total{`+name+`,reason="failed"}`] += 0
	}
	if s := part.Backlog; s != nil {
		want["spool_records{"+name+"}"] += float64(s.Records)
	}
}
