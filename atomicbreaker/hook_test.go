// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Transitions are published exactly once (I2), in the order of the generations and one at a time
// (I7, I8). Most of these tests run in a synctest bubble, which fails the test at once if a
// goroutine waits forever, and also if one is left over.

type hook = func(atomicbreaker.Transition)

// through returns what a hook of a new breaker has received after n transitions.
func through(n int) []uint32 {
	var list []uint32
	for g := range n {
		list = append(list, uint32(g+1))
	}
	return list
}

// flip makes n transitions, the first of which opens b.
func flip(b *atomicbreaker.Breaker, n int) {
	for i := range n {
		if i%2 == 0 {
			b.Trip()
		} else {
			b.Reset()
		}
	}
}

// The hook uses no synchronization, so the race detector also finds overlapping calls.
func TestHook_OneAtATimeInOrderUnderContention(t *testing.T) {
	for name, with := range map[string]func(hook) atomicbreaker.Option{
		"sync": atomicbreaker.WithOnTransition, "async": atomicbreaker.WithAsyncOnTransition,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const goroutines, each = 10, 400
				var list []atomicbreaker.Transition
				inside, overlaps := 0, 0
				b := atomicbreaker.MustNew("sink", with(func(tr atomicbreaker.Transition) {
					inside++
					if inside != 1 {
						overlaps++
					}
					if len(list)%7 == 0 {
						runtime.Gosched() // lets a backlog grow
					}
					list = append(list, tr)
					inside--
				}))
				together(goroutines, func(i int) {
					for n := range each {
						switch (i + n) % 4 {
						case 0:
							b.Trip()
						case 1:
							b.ForceOpen()
						case 2:
							b.TripFor(1 << 40)
						default:
							b.Reset()
						}
					}
				})
				synctest.Wait()
				require.Zero(t, overlaps)
				require.Greater(t, len(list), goroutines)
				requireChain(t, list, b.Snapshot())
			})
		})
	}
}

// The publisher of the last transition arrives just as the deliverer stops looking. Two goroutines
// meet there in each round, and no later publisher would deliver what they left.
func TestHook_NothingIsLeftUndelivered(t *testing.T) {
	const rounds = 30_000
	received := 0
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { received++ }))
	var arrived atomic.Int64
	meet := func(n int) {
		for arrived.Add(1); arrived.Load() < int64(n); {
			runtime.Gosched()
		}
	}
	left := 0
	together(2, func(i int) {
		calls := [2]func(){b.ForceOpen, b.ForceClosed}
		for round := range rounds {
			meet(4*round + 2)
			calls[i]()
			meet(4*round + 4)
			if i == 0 && received != int(b.Snapshot().Generation) { // the other goroutine waits at the next barrier
				left++
				received = int(b.Snapshot().Generation)
			}
		}
	})
	require.Zero(t, left, "rounds with an undelivered transition")
}

func TestHook_SeveralInTheOrderGiven(t *testing.T) {
	var received []string
	say := func(name string) atomicbreaker.Option {
		return atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
			received = append(received, name+" "+tr.To.String())
		})
	}
	b := atomicbreaker.MustNew("sink", say("first"), say("second"), say("third"))
	flip(b, 2)
	require.Equal(t, []string{
		"first open", "second open", "third open", "first closed", "second closed", "third closed",
	}, received)
}

// A call that makes a transition returns after its hook has returned, unless another goroutine is
// delivering.
func TestHook_RunsBeforeTheCallReturns(t *testing.T) {
	b, l := kept(t, atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0))
	for i, call := range []func(){
		b.RecordFailure, func() { _ = b.Allow() }, b.RecordSuccess, b.Trip, b.ForceOpen, b.ForceClosed, b.Reset,
		func() { b.TripFor(1 << 40) }, func() { b.TripFor(1 << 41) },
	} {
		call()
		require.Equal(t, through(i+1), l.generations())
	}
}

// A hook receives the transitions that it causes after it has returned, not within itself.
func TestHook_ReceivesItsOwnTransitionsAfterItReturns(t *testing.T) {
	var b *atomicbreaker.Breaker
	var received []string
	b = atomicbreaker.MustNew("sink",
		atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
			received = append(received, "enter "+tr.To.String())
			if tr.Generation == 1 {
				b.Reset()
				b.ForceOpen()
			}
			received = append(received, "leave "+tr.To.String())
		}),
		atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) { received = append(received, "second "+tr.To.String()) }),
	)
	b.Trip()
	require.Equal(t, []string{
		"enter open", "leave open", "second open",
		"enter closed", "leave closed", "second closed",
		"enter forced_open", "leave forced_open", "second forced_open",
	}, received)
}

// No caller waits for a hook that runs on another goroutine. The caller's transition is delivered
// afterward.
func TestHook_BlockedDeliveryBlocksNoOtherCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, returned := make(chan struct{}), false
		var received []uint32
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
			if tr.Generation == 1 {
				<-release
			}
			received = append(received, tr.Generation)
		}))
		go func() {
			b.Trip()
			returned = true
		}()
		synctest.Wait()
		together(8, func(int) {
			for range 50 {
				b.ForceOpen()
				b.Reset()
			}
		})
		made := int(b.Snapshot().Generation)
		require.Equal(t, atomicbreaker.Closed, b.State(), "not every call returned")
		require.Empty(t, received)
		require.False(t, returned)

		close(release)
		synctest.Wait()
		require.True(t, returned)
		require.Equal(t, through(made), received)

		b.Trip() // deliveries go on
		require.Equal(t, through(made+1), received)
	})
}

func TestHook_AsyncCallerDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		l := &ledger{}
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithAsyncOnTransition(func(tr atomicbreaker.Transition) {
			<-release
			l.add(tr)
		}))
		flip(b, 5)
		synctest.Wait()
		require.Empty(t, l.all())
		close(release)
		synctest.Wait()
		require.Equal(t, through(5), l.generations())
	})
}

// The goroutine of an asynchronous hook delivers what is queued and ends. The next burst starts
// another. The bubble checks that none is left, because it returns only after its goroutines have.
func TestHook_AsyncGoroutineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		by := map[string]int{}
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithAsyncOnTransition(func(tr atomicbreaker.Transition) {
			if tr.Generation%20 == 1 {
				<-gate // until the whole burst is queued
			}
			by[goroutine()]++
		}))
		for burst := range 5 {
			flip(b, 20)
			synctest.Wait()
			gate <- struct{}{}
			synctest.Wait()
			require.Len(t, by, burst+1)
		}
		for id, n := range by {
			require.Equal(t, 20, n, id)
			require.NotEqual(t, goroutine(), id)
		}
	})
}

// goroutine returns the name that the runtime gives the current goroutine, such as "goroutine 7".
func goroutine() string {
	text := make([]byte, 64)
	text = text[:runtime.Stack(text, false)]
	name, _, _ := strings.Cut(string(text), " [")
	return name
}

func TestHook_SyncAndAsyncTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ledgers [4]ledger
		b := atomicbreaker.MustNew("sink",
			atomicbreaker.WithAsyncOnTransition(ledgers[0].add), atomicbreaker.WithOnTransition(ledgers[1].add),
			atomicbreaker.WithAsyncOnTransition(ledgers[2].add), atomicbreaker.WithOnTransition(ledgers[3].add))
		together(8, func(int) { flip(b, 100) })
		synctest.Wait()
		for i := range ledgers {
			requireChain(t, ledgers[i].all(), b.Snapshot())
		}
	})
}

// Asynchronous hooks and subscriptions receive a transition even while a synchronous hook is busy
// with it or with an earlier one.
func TestHook_BlockedSyncDoesNotHoldUpAsync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		release := sync.OnceFunc(func() { close(gate) })
		defer release()
		var blocked, free, subscribed ledger
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithAsyncOnTransition(free.add),
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				<-gate
				blocked.add(tr)
			}))
		b.Subscribe(subscribed.add)
		go b.Trip()
		synctest.Wait()
		flip(b, 4) // the first one has no effect: b is open
		synctest.Wait()
		require.Equal(t, through(4), free.generations())
		require.Equal(t, through(4), subscribed.generations())
		require.Empty(t, blocked.all())
		release()
		synctest.Wait()
		require.Equal(t, through(4), blocked.generations())
	})
}

// The generation after the last one is 0, also for the hooks.
func TestHook_GenerationWraps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, goroutines := range []int{1, 8} {
			var now, later ledger
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithOnTransition(now.add),
				atomicbreaker.WithAsyncOnTransition(later.add))
			const first = word.MaxGeneration - 3
			b.Start(word.Pack(word.Fields{Generation: first}))
			p := acquired(t, b)
			together(goroutines, func(int) { flip(b, 80) })
			synctest.Wait()
			want := b.Snapshot().Generation
			require.Less(t, want, uint32(word.MaxGeneration/2), "the generation did not wrap")
			require.Equal(t, now.all(), later.all())
			require.Len(t, now.all(), int(want)+4)
			for i, g := range now.generations() {
				require.Equal(t, uint32(first+1+i)&word.MaxGeneration, g)
			}
			p.Failure()
			require.Zero(t, b.Snapshot().Failures, "a failure of a period before the wrap was counted")
		}
	})
}
