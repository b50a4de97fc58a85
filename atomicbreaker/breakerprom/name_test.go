// SPDX-License-Identifier: Apache-2.0

package breakerprom_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Equal names, and names that differ only in bytes that are not UTF-8, are one series. They do not
// break the scrape.
func TestCollector_EqualNames(t *testing.T) {
	for _, names := range [][2]string{{"loki", "loki"}, {"loki\xff", "loki\xfe"}, {"\xff\xff", "\uFFFD"}} {
		synctest.Test(t, func(t *testing.T) {
			r := breakers.NewRegistry()
			var made []*atomicbreaker.Breaker
			for i, name := range names {
				b := r.MustNew(name, atomicbreaker.WithRecoveryTimeout(time.Duration(i+1)*time.Minute))
				made = append(made, b)
				require.NoError(t, r.Attach(b, &writer{breakerio.Stats{Lost: 3}}))
				require.NoError(t, r.Attach(b, &spool{guard.Backlog{Oldest: time.Now().Add(-time.Duration(i) * time.Hour)}}))
				b.Trip()
			}
			values := scrape(t, r)
			require.Len(t, values, 30+9+8)
			n := fmt.Sprintf("name=%q", label(names[0]))
			require.Equal(t, 2.0, values[`state{`+n+`,state="open"}`])
			require.Equal(t, 2.0, values[`transitions_total{cause="tripped",from="closed",`+n+`,to="open"}`])
			require.Equal(t, 6.0, values[`lost_total{`+n+`}`])
			require.Equal(t, 120.0, values[`retry_after_seconds{`+n+`}`], "the longest")
			require.Equal(t, 3600.0, values[`spool_oldest_age_seconds{`+n+`}`], "the oldest")
			for _, b := range made {
				b.Reset()
			}
		})
	}
}

// A group is one name in families of its own, and its parts are in those of all parts.
func TestCollector_Group(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := breakers.NewRegistry()
		g := breakers.NewGroup[int](r, 2, nil, breakers.WithGroupName("tenants"))
		b := r.MustNew("tenants") // a breaker of the same name
		require.NoError(t, r.Attach(b, &writer{breakerio.Stats{Lost: 1}}))
		require.NoError(t, r.Attach(g.Get(1), &writer{breakerio.Stats{Lost: 10}}))
		g.Get(1).Trip()
		g.Get(1).TripFor(time.Minute) // another open period
		g.Get(2)
		g.Get(3) // takes the place of 2
		g.Get(3).Trip()
		time.Sleep(time.Second)
		g.Get(4) // gets the shared one
		want := map[string]float64{
			`state{name="tenants",state="closed"}`:           1,
			`group_breakers{name="tenants",state="open"}`:    2,
			`group_opened_total{name="tenants"}`:             2,
			`group_not_closed_seconds_total{name="tenants"}`: 2,
			`group_evicted_total{name="tenants"}`:            1,
			`group_overflowed_total{name="tenants"}`:         1,
			`lost_total{name="tenants"}`:                     11,
		}
		runtime.KeepAlive(b)
		values := scrape(t, r)
		delete(values, `group_breakers{name="tenants",state="closed"}`) // the one that was given up may be gone
		require.Equal(t, want, changed(values))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 2.0, scrape(t, r)[`group_probes_due{name="tenants"}`])
		g.Get(1).Reset()
		g.Get(3).Reset()
	})
}

// The counters of a dropped breaker stay.
func TestCollector_DroppedBreaker(t *testing.T) {
	r := breakers.NewRegistry()
	func() {
		b := r.MustNew("loki")
		require.NoError(t, r.Attach(b, &writer{breakerio.Stats{Lost: 3}}))
		b.ForceOpen()
		require.Equal(t, 1.0, scrape(t, r)[`state{name="loki",state="forced_open"}`])
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		return scrape(t, r)[`state{name="loki",state="forced_open"}`] == 0
	}, 30*time.Second, time.Millisecond)
	values := scrape(t, r)
	require.Len(t, values, 30+9)
	require.Equal(t, 1.0, values[`transitions_total{cause="forced",from="closed",name="loki",to="forced_open"}`])
	require.Equal(t, 3.0, values[`lost_total{name="loki"}`])
	require.Positive(t, values[`not_closed_seconds_total{name="loki"}`])
}
