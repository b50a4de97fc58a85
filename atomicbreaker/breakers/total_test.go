// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"fmt"
	"reflect"
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

// writes and batches are parts with fixed counts.
type (
	writes  struct{ stats breakerio.Stats }
	batches struct{ stats breakerio.BatchStats }
)

func (p *writes) Stats() breakerio.Stats       { return p.stats }
func (p *batches) Stats() breakerio.BatchStats { return p.stats }

// filled sets the numbers of a struct to 1, 2 and so on.
func filled[T any]() (s T) {
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.CanUint():
			f.SetUint(uint64(i) + 1)
		case f.CanInt():
			f.SetInt(int64(i) + 1)
		}
	}
	return s
}

// times multiplies the numbers of a struct by n, except those of the fields named.
func times[T any](n uint64, s T, zero ...string) *T {
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.CanUint():
			f.SetUint(n * f.Uint())
		case f.CanInt():
			f.SetInt(int64(n) * f.Int())
		}
	}
	for _, name := range zero {
		v.FieldByName(name).SetZero()
	}
	return &s
}

// dropAll waits until the registry has dropped all breakers but n.
func dropAll(t *testing.T, r *breakers.Registry, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		runtime.GC()
		return breakers.Registered(r) == n
	}, 30*time.Second, time.Millisecond)
}

func TestTotals_SumByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := breakers.NewRegistry()
		first, second, other := r.MustNew("loki"), r.MustNew("loki"), r.MustNew("file")
		oldest := time.Now().Add(-time.Hour)
		for i, b := range []*atomicbreaker.Breaker{first, second} {
			backlog := filled[guard.Backlog]()
			backlog.Oldest = oldest.Add(time.Duration(i) * time.Minute)
			require.NoError(t, r.Attach(b, &writes{filled[breakerio.Stats]()}))
			require.NoError(t, r.Attach(b, &batches{filled[breakerio.BatchStats]()}))
			require.NoError(t, r.Attach(b, &spool{backlog}))
		}
		require.NoError(t, r.Attach(first, &spool{}), "an empty one, without an oldest record")
		first.RecordFailure()
		first.RecordFailure()
		second.TripFor(50 * time.Second)
		time.Sleep(time.Minute)
		second.RecordFailure()
		first.TripFor(100 * time.Second)
		first.TripFor(200 * time.Second)
		time.Sleep(time.Second)

		totals := r.Totals()
		require.Len(t, totals, 2)
		require.Equal(t, breakers.Total{Name: "file", Breakers: 1, States: states(atomicbreaker.Closed)}, totals[0])
		got := totals[1]
		require.EqualValues(t, 3, got.Transitions.Sum())
		got.Transitions = breakers.Transitions{}
		wantBacklog := times(2, filled[guard.Backlog]())
		wantBacklog.Oldest = oldest
		require.Equal(t, breakers.Total{
			Name: "loki", Breakers: 2, States: states(atomicbreaker.Open, atomicbreaker.Open), ProbesDue: 1,
			Failures: 2, RetryAfter: 200 * time.Second,
			NotClosed: time.Minute + 2*time.Second,
			Writes:    times(2, filled[breakerio.Stats]()),
			Batches:   times(2, filled[breakerio.BatchStats]()),
			Backlog:   wantBacklog,
		}, got)
		runtime.KeepAlive([]*atomicbreaker.Breaker{first, second, other})
	})
}

func states(in ...atomicbreaker.State) (n [5]int) {
	for _, s := range in {
		n[s]++
	}
	return n
}

func TestTotals_OfDroppedBreakersStay(t *testing.T) {
	r := breakers.NewRegistry()
	use := func() {
		b := r.MustNew("loki")
		require.NoError(t, r.Attach(b, &writes{filled[breakerio.Stats]()}))
		require.NoError(t, r.Attach(b, &batches{filled[breakerio.BatchStats]()}))
		require.NoError(t, r.Attach(b, &spool{filled[guard.Backlog]()}))
		b.Trip()
		b.ForceOpen()
		for r.Lookup("loki")[0].NotClosed == 0 { //nolint:revive // the clock has to advance
		}
		b.Reset()
	}
	var before breakers.Total
	for i := range uint64(3) {
		use()
		if at := r.Totals()[0]; i > 0 {
			require.GreaterOrEqual(t, at.NotClosed, before.NotClosed)
			require.Greater(t, at.Transitions.Sum(), before.Transitions.Sum())
		}
		dropAll(t, r, 0)
		after := r.Totals()
		require.Len(t, after, 1)
		before = after[0]
		require.EqualValues(t, (i+1)*3, before.Transitions.Sum())
		require.Positive(t, before.NotClosed)
		got := before
		got.Transitions, got.NotClosed = breakers.Transitions{}, 0
		require.Equal(t, breakers.Total{
			Name:    "loki",
			Writes:  times(i+1, filled[breakerio.Stats]()),
			Batches: times(i+1, filled[breakerio.BatchStats](), "Waiting"),
			Backlog: times(i+1, filled[guard.Backlog](), "Records", "Bytes"),
		}, got)
	}
}

// A breaker that counted nothing leaves nothing.
func TestTotals_NothingStaysOfNothing(t *testing.T) {
	r := breakers.NewRegistry()
	r.MustNew("loki")
	dropAll(t, r, 0)
	require.Empty(t, r.Totals())
}

func TestTotals_BoundedNames(t *testing.T) {
	r := breakers.NewRegistry()
	const beyond = 10
	for i := range breakers.MaxRetained + beyond {
		b := r.MustNew(fmt.Sprintf("%05d", i))
		b.Trip()
		b.Reset()
	}
	dropAll(t, r, 0)
	totals := r.Totals()
	require.Len(t, totals, breakers.MaxRetained+1)
	var sum uint64
	for _, total := range totals {
		if total.Name == breakers.Others {
			require.EqualValues(t, 2*beyond, total.Transitions.Sum())
		}
		sum += total.Transitions.Sum()
	}
	require.EqualValues(t, 2*(breakers.MaxRetained+beyond), sum)

	// The name of a breaker in use has its own Total.
	b := r.MustNew("one more")
	require.Len(t, r.Totals(), breakers.MaxRetained+2)
	runtime.KeepAlive(b)
}
