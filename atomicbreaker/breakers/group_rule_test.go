// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

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
