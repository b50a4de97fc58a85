// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// A hook that does not return (it panics, or exits its goroutine) loses nothing: what waits behind it is delivered, then the
// panic or the exit goes on, and later transitions are delivered as before.

// wrecks lists the generations at which hooks do not return, of the six that each test makes.
var wrecks = map[string][]uint32{
	"first": {1}, "middle": {3}, "last": {6}, "neighbours": {3, 4}, "every": {1, 2, 3, 4, 5, 6},
}

// backlog returns a hook that makes the transitions 2 to 6 in the first one's delivery, so that all of them wait for it.
func backlog(b **atomicbreaker.Breaker) hook {
	return func(tr atomicbreaker.Transition) {
		if tr.Generation == 1 {
			flip(*b, 6) // the first finds it open
		}
	}
}

// wrecked returns a hook that does what wreck does at the given generations, once it has told l.
func wrecked(l *ledger, generations []uint32, wreck func(uint32)) hook {
	return func(tr atomicbreaker.Transition) {
		l.add(tr)
		if slices.Contains(generations, tr.Generation) {
			wreck(tr.Generation)
		}
	}
}

func TestHook_PanicLosesNothing(t *testing.T) {
	for name, generations := range wrecks {
		t.Run(name, func(t *testing.T) {
			var b *atomicbreaker.Breaker
			var ledgers [4]ledger
			wreck := func(g uint32) { panic(g) }
			b = atomicbreaker.MustNew("sink",
				atomicbreaker.WithOnTransition(backlog(&b)),
				atomicbreaker.WithOnTransition(ledgers[0].add),
				atomicbreaker.WithOnTransition(wrecked(&ledgers[1], generations, wreck)),
				atomicbreaker.WithOnTransition(wrecked(&ledgers[2], generations, wreck)),
				atomicbreaker.WithOnTransition(ledgers[3].add))
			value := recovered(func() { b.Trip() })
			require.Contains(t, generations, value, "the panic goes on")
			for i := range ledgers {
				require.Equal(t, through(6), ledgers[i].generations(), "and comes after the rest")
			}

			require.Equal(t, atomicbreaker.Closed, b.State())
			flip(b, 2)
			for i := range ledgers {
				requireChain(t, ledgers[i].all(), b.Snapshot())
			}
		})
	}
}

func TestHook_GoexitLosesNothing(t *testing.T) {
	for name, generations := range wrecks {
		t.Run(name, func(t *testing.T) {
			var b *atomicbreaker.Breaker
			var ledgers [4]ledger
			wreck := func(uint32) { runtime.Goexit() }
			b = atomicbreaker.MustNew("sink",
				atomicbreaker.WithOnTransition(backlog(&b)),
				atomicbreaker.WithOnTransition(ledgers[0].add),
				atomicbreaker.WithOnTransition(wrecked(&ledgers[1], generations, wreck)),
				atomicbreaker.WithOnTransition(wrecked(&ledgers[2], generations, wreck)),
				atomicbreaker.WithOnTransition(ledgers[3].add))
			returned := false
			aside(func() {
				b.Trip()
				returned = true
			})
			require.False(t, returned, "the exit goes on")
			flip(b, 2)
			for i := range ledgers {
				require.Equal(t, through(8), ledgers[i].generations())
			}
		})
	}
}

// One wreck inside another's clearing up: each kind within the other, as deep as there are transitions.
func TestHook_PanicsAndExitsNested(t *testing.T) {
	for _, exits := range [][]uint32{{1, 3, 5}, {2, 4, 6}, {1, 2, 3}, {4, 5, 6}} {
		var b *atomicbreaker.Breaker
		var before, after ledger
		returned := false
		b = atomicbreaker.MustNew("sink", atomicbreaker.WithOnTransition(backlog(&b)),
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				before.add(tr)
				if slices.Contains(exits, tr.Generation) {
					runtime.Goexit()
				}
				panic(tr.Generation)
			}),
			atomicbreaker.WithOnTransition(after.add))
		aside(func() {
			defer func() { _ = recover() }()
			b.Trip()
			returned = true
		})
		require.False(t, returned)
		require.Equal(t, through(6), before.generations())
		require.Equal(t, through(6), after.generations())
	}
}

func TestHook_PanicsEveryTimeInALongBacklog(t *testing.T) {
	var b *atomicbreaker.Breaker
	var l ledger
	b = atomicbreaker.MustNew("sink", atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
		if tr.Generation == 1 {
			flip(b, 1000)
		}
		l.add(tr)
		panic("every time")
	}))
	require.PanicsWithValue(t, "every time", b.Trip)
	require.Equal(t, through(1000), l.generations())
}

// The panic of a hook is the delivering goroutine's; those who left their transitions to it have long returned.
func TestHook_PanicGoesOnInTheDeliveringGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var l ledger
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
			if tr.Generation == 1 {
				<-gate
			}
			l.add(tr)
			if tr.Generation == 4 {
				panic("made by another")
			}
		}))
		var value any
		var heard []uint32
		go func() {
			value = recovered(b.Trip)
			heard = l.generations()
		}()
		synctest.Wait()
		require.NotPanics(t, func() { flip(b, 6) })
		close(gate)
		synctest.Wait()
		require.Equal(t, "made by another", value)
		require.Equal(t, through(6), heard)
	})
}

// A synchronous hook that does not return keeps nothing from the asynchronous ones.
func TestHook_WreckedSyncLosesNothingOfAsync(t *testing.T) {
	for name, wreck := range map[string]func(uint32){
		"panic": func(g uint32) { panic(g) }, "exit": func(uint32) { runtime.Goexit() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now, later ledger
				b := atomicbreaker.MustNew("sink", atomicbreaker.WithAsyncOnTransition(later.add),
					atomicbreaker.WithOnTransition(wrecked(&now, []uint32{1, 3}, wreck)))
				for _, call := range []func(){b.Trip, b.Reset, b.Trip, b.Reset} {
					aside(func() { _ = recovered(call) })
				}
				synctest.Wait()
				require.Equal(t, through(4), now.generations())
				require.Equal(t, through(4), later.generations())
			})
		})
	}
}

// An asynchronous hook that exits its goroutine is told the rest all the same, and that goroutine ends.
func TestHook_AsyncExitsEveryTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second ledger
		wreck := func(uint32) { runtime.Goexit() }
		b := atomicbreaker.MustNew("sink",
			atomicbreaker.WithAsyncOnTransition(wrecked(&first, wrecks["every"], wreck)),
			atomicbreaker.WithAsyncOnTransition(second.add))
		flip(b, 4)
		synctest.Wait()
		flip(b, 4)
		synctest.Wait()
		require.Equal(t, through(8), first.generations())
		require.Equal(t, through(8), second.generations())
	})
}

func TestHook_PanicsUnderContention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var before, after ledger
		panics, caught := 0, 0
		b := atomicbreaker.MustNew("sink",
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				before.add(tr)
				if tr.Generation%5 == 0 {
					panics++
					panic(tr.Generation)
				}
			}),
			atomicbreaker.WithOnTransition(after.add))
		var mu sync.Mutex
		together(8, func(int) {
			for n := range 200 {
				if recovered(func() { flip(b, n%2+1) }) != nil {
					mu.Lock()
					caught++
					mu.Unlock()
				}
			}
		})
		require.Positive(t, caught)
		require.LessOrEqual(t, caught, panics, "of nested ones the last goes on")
		requireChain(t, before.all(), b.Snapshot())
		requireChain(t, after.all(), b.Snapshot())
	})
}

// A call whose hook panics has taken effect all the same.
func TestHook_PanicLeavesTheCallDone(t *testing.T) {
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0),
		atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) { panic(tr.Cause) }))
	p := acquired(t, b)
	require.PanicsWithValue(t, atomicbreaker.CauseFailureThreshold, func() {
		defer p.Cancel() // spent by then
		p.Failure()
	})
	require.Equal(t, atomicbreaker.Open, b.State())
	require.PanicsWithValue(t, atomicbreaker.CauseProbeAdmitted, func() { _ = b.Allow() })
	require.Equal(t, 1, b.Snapshot().HalfOpenCalls)
	require.PanicsWithValue(t, atomicbreaker.CauseProbeSucceeded, b.RecordSuccess)
	require.PanicsWithValue(t, atomicbreaker.CauseFailureThreshold, func() {
		_ = b.Do(func() error { return errDown })
	})
	require.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.Open, ProbeDue: true, Generation: 4, Failures: 1},
		b.Snapshot())
}

func TestHook_PanicLeavesThePermitSpent(t *testing.T) {
	b := atomicbreaker.MustNew("sink",
		atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) { panic(tr.Cause) }))
	b.Start(word.Make(word.HalfOpen, 9, 0, 5, 1, 0))
	p := b.PermitOf(9)
	require.PanicsWithValue(t, atomicbreaker.CauseProbeFailed, p.Failure)
	require.Zero(t, p.Generation())
}

func recovered(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

// aside runs f on a goroutine that it may exit, and returns when that has ended.
func aside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}
