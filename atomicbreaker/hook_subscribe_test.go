// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

func TestSubscribe_FromTheNextTransitionOn(t *testing.T) {
	for _, start := range []uint32{0, 7, word.MaxGeneration - 1, word.MaxGeneration} {
		synctest.Test(t, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1))
			b.Start(word.Pack(word.Fields{Generation: start}))
			var first, second ledger
			b.Subscribe(first.add)
			b.RecordFailure()
			b.Subscribe(second.add)
			b.Reset()
			synctest.Wait()
			want := []atomicbreaker.Transition{
				{
					Name: "sink", From: atomicbreaker.Closed, To: atomicbreaker.Open, Failures: 1,
					Generation: (start + 1) & word.MaxGeneration, Cause: atomicbreaker.CauseFailureThreshold,
					At: time.Now(),
				},
				{
					Name: "sink", From: atomicbreaker.Open, To: atomicbreaker.Closed,
					Generation: (start + 2) & word.MaxGeneration, Cause: atomicbreaker.CauseReset,
					At: time.Now(),
				},
			}
			require.Equal(t, want, first.all())
			require.Equal(t, want[1:], second.all())
		})
	}
}

func TestSubscribe_Nil(t *testing.T) {
	require.PanicsWithValue(t, "atomicbreaker: Subscribe(nil): want a function", func() {
		atomicbreaker.MustNew("sink").Subscribe(nil)
	})
}

// Callers do not wait for a subscription, and subscriptions do not wait for each other (I8).
func TestSubscribe_DelaysNoCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var blocked, free, async ledger
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithAsyncOnTransition(async.add))
		b.Subscribe(func(tr atomicbreaker.Transition) {
			<-gate
			blocked.add(tr)
		})
		b.Subscribe(free.add)
		flip(b, 5)
		synctest.Wait()
		require.Empty(t, blocked.all())
		require.Equal(t, through(5), free.generations())
		require.Equal(t, through(5), async.generations())
		close(gate)
		synctest.Wait()
		require.Equal(t, through(5), blocked.generations())
	})
}

// A transition made after cancel returned is not delivered, and neither is one that was queued by
// then. A call that is running continues.
func TestSubscribe_Cancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var begun, ended, other ledger
		b := atomicbreaker.MustNew("sink")
		b.Subscribe(other.add)
		cancel := b.Subscribe(func(tr atomicbreaker.Transition) {
			begun.add(tr)
			<-gate
			ended.add(tr)
		})
		b.Subscribe(other.add)
		flip(b, 4)
		synctest.Wait()
		cancel()
		cancel()
		flip(b, 2)
		close(gate)
		synctest.Wait()
		flip(b, 2)
		synctest.Wait()
		require.Equal(t, through(1), begun.generations())
		require.Equal(t, through(1), ended.generations())
		require.Len(t, other.all(), 16)

		// The same function can be subscribed again. The first cancel does not end the second
		// subscription.
		b.Subscribe(begun.add)
		cancel()
		flip(b, 2)
		synctest.Wait()
		require.Equal(t, []uint32{1, 9, 10}, begun.generations())
	})
}

// A subscription may begin and end in a hook, its own included. It begins after the transition that
// the hook is called with, even if that is still being delivered to other hooks.
func TestSubscribe_FromAHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		var b *atomicbreaker.Breaker
		var cancel func()
		b = atomicbreaker.MustNew("sink", atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
			if tr.Generation == 2 {
				cancel = b.Subscribe(func(tr atomicbreaker.Transition) {
					l.add(tr)
					if tr.Generation == 4 {
						cancel()
					}
				})
			}
		}))
		for range 6 {
			flip(b, int(b.Snapshot().Generation)%2+1) // one transition, after a trip that has no effect
			synctest.Wait()
		}
		require.Equal(t, uint32(6), b.Snapshot().Generation)
		require.Equal(t, []uint32{3, 4}, l.generations())
	})
}

func TestSubscribe_PanicAndGoexit(t *testing.T) {
	for name, wreck := range map[string]func(uint32){"panic": func(g uint32) { panic(g) }, "exit": exit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l, other ledger
				var caught panics
				b := atomicbreaker.MustNew("sink", atomicbreaker.WithOnHookPanic(caught.add))
				b.Subscribe(wrecked(&l, []uint32{1, 2, 4}, wreck))
				b.Subscribe(other.add)
				flip(b, 4)
				synctest.Wait()
				flip(b, 2)
				synctest.Wait()
				require.Equal(t, through(6), l.generations())
				require.Equal(t, through(6), other.generations())
				if name == "panic" {
					require.Equal(t, []uint32{1, 2, 4}, caught.generations())
				}
			})
		})
	}
}

// Goroutines subscribe and cancel while others make transitions. Each subscription receives a
// contiguous part of the history, from its beginning to its end (I7).
func TestSubscribe_UnderContention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, all := kept(t)
		type subscription struct {
			ledger
			before, after  uint32 // generations around Subscribe
			canceled       bool
			ending, inside int // generation when cancel returned; running calls
		}
		var mu sync.Mutex
		var list []*subscription
		together(6, func(i int) {
			if i < 3 {
				for n := range 600 {
					flip(b, n%2+1)
				}
				return
			}
			for n := range 60 {
				s := &subscription{before: b.Snapshot().Generation, canceled: n%3 != 0}
				cancel := b.Subscribe(func(tr atomicbreaker.Transition) {
					s.inside++ // the race detector checks this, too
					if s.inside == 1 {
						s.add(tr)
					}
					s.inside--
				})
				s.after = b.Snapshot().Generation
				runtime.Gosched()
				if s.canceled {
					cancel()
					s.ending = int(b.Snapshot().Generation)
				}
				mu.Lock()
				list = append(list, s)
				mu.Unlock()
			}
		})
		b.ForceOpen() // every remaining subscription receives this
		synctest.Wait()
		history := all.all()
		require.Len(t, list, 180)
		for _, s := range list {
			received := s.all()
			if !s.canceled {
				require.NotEmpty(t, received)
				require.Equal(t, history[len(history)-1], received[len(received)-1])
			}
			if len(received) == 0 {
				continue
			}
			first := received[0].Generation
			require.Greater(t, first, s.before)
			require.LessOrEqual(t, first, s.after+1)
			require.Equal(t, history[first-1:int(first)-1+len(received)], received)
			if s.canceled {
				require.LessOrEqual(t, int(received[len(received)-1].Generation), s.ending)
			}
		}
	})
}

// cancel keeps neither the breaker nor what the function holds.
func TestSubscribe_CancelHoldsNothing(t *testing.T) {
	breaker, cancel := func() (weak.Pointer[atomicbreaker.Breaker], func()) {
		b := atomicbreaker.MustNew("sink")
		cancel := b.Subscribe(func(atomicbreaker.Transition) { b.Reset() })
		return weak.Make(b), cancel
	}()
	requireCollected(t, breaker)
	require.NotPanics(t, cancel)
}

// The breaker keeps nothing of a canceled subscription.
func TestSubscribe_CanceledIsForgotten(t *testing.T) {
	b := atomicbreaker.MustNew("sink")
	subscribe := func() (weak.Pointer[ledger], func()) {
		l := &ledger{}
		return weak.Make(l), b.Subscribe(l.add)
	}
	first, cancelFirst := subscribe()
	second, cancelSecond := subscribe()
	flip(b, 4)
	cancelFirst()
	requireCollected(t, first)
	require.NotNil(t, second.Value())
	cancelSecond()
	requireCollected(t, second)
	require.Zero(t, b.Subscriptions())
	runtime.KeepAlive(b)
}

// requireCollected requires that nothing references what p points to.
func requireCollected[T any](t *testing.T, p weak.Pointer[T]) {
	t.Helper()
	for range 100 {
		if p.Value() == nil {
			return
		}
		runtime.GC()
		runtime.Gosched() // a goroutine that delivers may be about to end
	}
	assert.Fail(t, "the value is still referenced")
}
