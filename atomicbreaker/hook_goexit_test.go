// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// A hook that ends its goroutine loses nothing (I7, I8): another goroutine delivers the rest. If
// the call was an admission, the admission is canceled.

func exit(uint32) { runtime.Goexit() }

func TestHook_GoexitLosesNothing(t *testing.T) {
	for name, generations := range wrecks {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b *atomicbreaker.Breaker
				var ledgers [4]ledger
				b = atomicbreaker.MustNew("sink",
					atomicbreaker.WithOnTransition(backlog(&b)),
					atomicbreaker.WithOnTransition(ledgers[0].add),
					atomicbreaker.WithOnTransition(wrecked(&ledgers[1], generations, exit)),
					atomicbreaker.WithOnTransition(wrecked(&ledgers[2], generations, exit)),
					atomicbreaker.WithOnTransition(ledgers[3].add))
				require.False(t, aside(b.Trip), "Goexit was swallowed")
				synctest.Wait()
				for i := range ledgers {
					require.Equal(t, through(6), ledgers[i].generations())
				}
				flip(b, 2)
				for i := range ledgers {
					require.Equal(t, through(8), ledgers[i].generations())
				}
			})
		})
	}
}

// A hook that always exits ends one goroutine after another. None of them starts on the stack of
// the one before, so the stack does not grow.
func TestHook_GoexitEveryTimeInALongBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b *atomicbreaker.Breaker
		var l ledger
		deepest := 0
		by := map[string]bool{}
		b = atomicbreaker.MustNew("sink", atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
			if tr.Generation == 1 {
				flip(b, 1000)
			}
			l.add(tr)
			by[goroutine()] = true
			deepest = max(deepest, runtime.Callers(0, make([]uintptr, 1000)))
			runtime.Goexit()
		}))
		require.False(t, aside(b.Trip))
		synctest.Wait()
		require.Equal(t, through(1000), l.generations())
		require.Len(t, by, 1000)
		require.Less(t, deepest, 50)
	})
}

// Hooks panic and exit, in any order.
func TestHook_PanicsAndExitsMixed(t *testing.T) {
	for _, exits := range [][]uint32{{1, 3, 5}, {2, 4, 6}, {1, 2, 3}, {4, 5, 6}} {
		synctest.Test(t, func(t *testing.T) {
			var b *atomicbreaker.Breaker
			var before, after ledger
			var caught panics
			b = atomicbreaker.MustNew("sink",
				atomicbreaker.WithOnHookPanic(caught.add),
				atomicbreaker.WithOnTransition(backlog(&b)),
				atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
					before.add(tr)
					if slices.Contains(exits, tr.Generation) {
						runtime.Goexit()
					}
					panic(tr.Generation)
				}),
				atomicbreaker.WithOnTransition(after.add))
			require.False(t, aside(b.Trip))
			synctest.Wait()
			require.Equal(t, through(6), before.generations())
			require.Equal(t, through(6), after.generations())
			require.Len(t, caught.values, 3)
			for _, g := range caught.generations() {
				require.NotContains(t, exits, g)
			}
		})
	}
}

// These hooks and handlers combine both: a hook that exits and panics in a deferred function, a
// hook that panics and exits in a deferred function, and a handler that exits.
func TestHook_PanicWithinAnExitAndExitWithinAPanic(t *testing.T) {
	for name, tt := range map[string]struct {
		hook    func()
		handler func(any)
		caught  []any
	}{
		"panic within an exit": {
			hook:   func() { defer panic("late"); runtime.Goexit() },
			caught: []any{"late", "late"},
		},
		"exit within a panic": {
			hook: func() { defer runtime.Goexit(); panic("early") },
		},
		"handler exits": {
			hook:    func() { panic("hook") },
			handler: func(any) { runtime.Goexit() },
			caught:  []any{"hook", "hook"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l ledger
				var caught []any
				b := atomicbreaker.MustNew("sink",
					atomicbreaker.WithOnHookPanic(func(_ atomicbreaker.Transition, v any) {
						caught = append(caught, v)
						if tt.handler != nil {
							tt.handler(v)
						}
					}),
					atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { tt.hook() }),
					atomicbreaker.WithOnTransition(l.add))
				require.False(t, aside(b.Trip))
				synctest.Wait()
				require.False(t, aside(b.Reset))
				synctest.Wait()
				require.Equal(t, through(2), l.generations())
				require.Equal(t, tt.caught, caught)
			})
		})
	}
}

// A synchronous hook that does not return withholds nothing from asynchronous hooks and
// subscriptions.
func TestHook_WreckedSyncLosesNothingOfAsync(t *testing.T) {
	for name, wreck := range map[string]func(uint32){"panic": func(g uint32) { panic(g) }, "exit": exit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var now, later, subscribed ledger
				b := atomicbreaker.MustNew("sink", atomicbreaker.WithAsyncOnTransition(later.add),
					atomicbreaker.WithOnHookPanic(func(atomicbreaker.Transition, any) {}),
					atomicbreaker.WithOnTransition(wrecked(&now, []uint32{1, 3}, wreck)))
				b.Subscribe(subscribed.add)
				for _, call := range []func(){b.Trip, b.Reset, b.Trip, b.Reset} {
					aside(call)
				}
				synctest.Wait()
				require.Equal(t, through(4), now.generations())
				require.Equal(t, through(4), later.generations())
				require.Equal(t, through(4), subscribed.generations())
			})
		})
	}
}

// An asynchronous hook that exits receives the remaining transitions all the same, and leaves no
// goroutine.
func TestHook_AsyncExitsEveryTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second ledger
		b := atomicbreaker.MustNew("sink",
			atomicbreaker.WithAsyncOnTransition(wrecked(&first, wrecks["every"], exit)),
			atomicbreaker.WithAsyncOnTransition(second.add))
		flip(b, 4)
		synctest.Wait()
		flip(b, 4)
		synctest.Wait()
		require.Equal(t, through(8), first.generations())
		require.Equal(t, through(8), second.generations())
	})
}

// Hooks end the goroutines of many calls. Each transition is delivered once and in order, and no
// probe's place is lost, although no probe ever times out.
func TestHook_GoexitUnderContention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var before, after ledger
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0),
			atomicbreaker.WithFailureThreshold(1),
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				before.add(tr)
				if tr.Generation%3 != 0 {
					runtime.Goexit()
				}
			}),
			atomicbreaker.WithOnTransition(after.add))
		var ended atomic.Int32
		together(4, func(int) {
			for range 200 {
				returned := aside(func() {
					if p, ok := b.TryAcquire(); ok {
						p.Failure()
					}
				})
				if !returned {
					ended.Add(1)
				}
			}
		})
		synctest.Wait()
		require.Positive(t, ended.Load())
		requireChain(t, before.all(), b.Snapshot())
		requireChain(t, after.all(), b.Snapshot())
		require.Zero(t, b.Snapshot().HalfOpenCalls, "an admission was not settled")
	})
}

// If a hook ends the goroutine of an admission, the admission is canceled, whichever method asked
// for it.
func TestHook_GoexitCancelsTheAdmission(t *testing.T) {
	for name, call := range map[string]func(*atomicbreaker.Breaker){
		"Allow":      func(b *atomicbreaker.Breaker) { _ = b.Allow() },
		"TryAcquire": func(b *atomicbreaker.Breaker) { _, _ = b.TryAcquire() },
		"Do":         func(b *atomicbreaker.Breaker) { _ = b.Do(never) },
		"Call":       func(b *atomicbreaker.Breaker) { _, _ = atomicbreaker.Call(b, neverValue) },
	} {
		t.Run(name, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0),
				atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
					if tr.Generation == 2 {
						runtime.Goexit()
					}
				}))
			b.Trip()
			require.False(t, aside(func() { call(b) }))
			require.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.HalfOpen, Generation: 2}, b.Snapshot())
			require.NoError(t, b.Do(func() error { return nil }), "the probe's place was lost")
			require.Equal(t, atomicbreaker.Closed, b.State())
		})
	}
}

// The cancel belongs to the generation of the admission. If that period is over, a probe of a later
// one keeps its place (I3).
func TestHook_GoexitCancelsNoOtherAdmission(t *testing.T) {
	var b *atomicbreaker.Breaker
	b = atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0),
		atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
			if tr.Generation == 2 {
				b.Trip()
				require.True(t, b.Allow())
				runtime.Goexit()
			}
		}))
	b.Trip()
	require.False(t, aside(func() { _ = b.Allow() }))
	require.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.HalfOpen, Generation: 4, HalfOpenCalls: 1}, b.Snapshot())
}

// A hook that ends the goroutine of another call leaves the admission alone.
func TestHook_GoexitElsewhereKeepsTheAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0),
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				if tr.Generation == 1 {
					<-gate
					runtime.Goexit()
				}
			}))
		go b.Trip()
		synctest.Wait()
		p := acquired(t, b)
		close(gate)
		synctest.Wait()
		require.Equal(t, 1, b.Snapshot().HalfOpenCalls)
		p.Success()
		require.Equal(t, atomicbreaker.Closed, b.State())
	})
}

// The hook ends the timer's goroutine. Later timers still fire.
func TestHook_GoexitOnATimersGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l ledger
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(time.Second),
			atomicbreaker.WithProbeTimeout(time.Minute),
			atomicbreaker.WithOnTransition(wrecked(&l, []uint32{3, 5}, exit)))
		b.Trip()
		for _, made := range []int{3, 5} {
			pass(time.Second)
			_ = acquired(t, b)
			pass(time.Minute)
			require.Equal(t, through(made), l.generations())
			require.Equal(t, atomicbreaker.Open, b.State())
		}
	})
}

// A permit is spent before its report can end the goroutine.
func TestHook_GoexitLeavesThePermitSpent(t *testing.T) {
	b := atomicbreaker.MustNew("sink",
		atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { runtime.Goexit() }))
	b.Start(word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 9, Failures: 5, Calls: 1}))
	p := b.PermitOf(9)
	require.False(t, aside(p.Failure))
	require.Zero(t, p.Generation())
}

// aside runs f on a goroutine that f may end, waits for the end, and reports whether f returned.
func aside(f func()) (returned bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
		returned = true
	}()
	<-done
	return returned
}
