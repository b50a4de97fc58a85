// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// The test compares an Entry with what follows from the list of all transitions.
func TestRecord_EntryIsTheSumOfTheTransitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			r := breakers.NewRegistry()
			var mu sync.Mutex // a timer's goroutine also calls the hook
			var made []atomicbreaker.Transition
			b := r.MustNew(
				"loki",
				atomicbreaker.WithOnTransition(func(t atomicbreaker.Transition) {
					mu.Lock()
					defer mu.Unlock()
					made = append(made, t)
				}),
				atomicbreaker.WithFailureThreshold(1),
				atomicbreaker.WithRecoveryTimeout(10*time.Second),
				atomicbreaker.WithProbeTimeout(20*time.Second),
			)
			created := time.Now()
			last := time.Duration(0)
			check := func(t *rapid.T) {
				e, _ := r.ByID(r.Lookup("loki")[0].ID)
				counts := make(map[breakers.TransitionKind]uint64)
				var notClosed time.Duration
				var lastErr error
				since, open := created, time.Time{}
				mu.Lock()
				all := slices.Clone(made)
				mu.Unlock()
				for _, tr := range all {
					counts[breakers.TransitionKind{From: tr.From, To: tr.To, Cause: tr.Cause}]++
					if tr.Err != nil {
						lastErr = tr.Err
					}
					since = tr.At
					if tr.To == atomicbreaker.Closed {
						notClosed += tr.At.Sub(open)
						open = time.Time{}
					} else if open.IsZero() {
						open = tr.At
					}
				}
				if !open.IsZero() {
					notClosed += time.Since(open)
				}
				require.EqualValues(t, len(all), e.Transitions.Sum(), "of %v", all)
				n := 0
				for kind, count := range e.Transitions.All() {
					require.Equal(t, counts[kind], count, "%v", kind)
					require.Equal(t, counts[kind], e.Transitions.Of(kind), "%v", kind)
					n++
				}
				require.Equal(t, 20, n)
				require.Equal(t, notClosed, e.NotClosed)
				require.GreaterOrEqual(t, e.NotClosed, last)
				last = e.NotClosed
				require.Equal(t, lastErr, e.LastError)
				require.Equal(t, since, e.Since)
				require.Equal(t, all[max(0, len(all)-32):], e.History)
				require.Equal(t, b.Snapshot(), e.Snapshot)
				require.Equal(t, b.RetryAfter(), e.RetryAfter)
			}
			t.Repeat(map[string]func(*rapid.T){
				"":      check,
				"trip":  func(*rapid.T) { b.Trip() },
				"hold":  func(*rapid.T) { b.TripFor(time.Hour) },
				"open":  func(*rapid.T) { b.ForceOpen() },
				"close": func(*rapid.T) { b.ForceClosed() },
				"reset": func(*rapid.T) { b.Reset() },
				"fail":  func(t *rapid.T) { _ = b.Do(func() error { return errors.New(t.Name()) }) },
				"work":  func(*rapid.T) { _ = b.Do(func() error { return nil }) },
				"hang":  func(*rapid.T) { b.TryAcquire() },
				"sleep": func(t *rapid.T) {
					time.Sleep(rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, time.Minute}).Draw(t, "d"))
					synctest.Wait()
				},
			})
		})
	})
}

// A hook may be delivered late, with the time at which the transition was made. A reader that has
// already counted the time since then must not see the sum decrease.
func TestRecord_TimeNotClosedNeverDecreases(t *testing.T) {
	r := breakers.NewRegistry()
	inHook, goOn := make(chan struct{}), make(chan struct{})
	first := true
	b := r.MustNew("loki", atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) {
		if first {
			first = false
			close(inHook)
			<-goOn
		}
	}))
	go b.Trip()
	<-inHook
	b.Reset() // delivered after the first hook has returned
	require.Equal(t, atomicbreaker.Closed, b.State())
	before := entryOf(t, r, b).NotClosed
	for before == 0 {
		before = entryOf(t, r, b).NotClosed
	}
	close(goOn)
	require.Eventually(t, func() bool {
		e := entryOf(t, r, b)
		require.GreaterOrEqual(t, e.NotClosed, before)
		before = e.NotClosed
		return e.Transitions.Sum() == 2
	}, 30*time.Second, time.Microsecond)
}
