// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// A hook's panic does not leave the hook: it is reported once, and loses nothing (I7, I8).

// wrecks lists the generations at which hooks do not return, out of the six that each test makes.
var wrecks = map[string][]uint32{
	"first": {1}, "middle": {3}, "last": {6}, "neighbors": {3, 4}, "every": {1, 2, 3, 4, 5, 6},
}

// backlog returns a hook that makes the transitions 2 to 6 while it handles the first one, so that
// they all wait in the queue.
func backlog(b **atomicbreaker.Breaker) hook {
	return func(tr atomicbreaker.Transition) {
		if tr.Generation == 1 {
			flip(*b, 6) // the first one has no effect: b is open
		}
	}
}

// wrecked returns a hook that adds the transition to l and calls wreck at the given generations.
func wrecked(l *ledger, generations []uint32, wreck func(uint32)) hook {
	return func(tr atomicbreaker.Transition) {
		l.add(tr)
		if slices.Contains(generations, tr.Generation) {
			wreck(tr.Generation)
		}
	}
}

// panics has a function for WithOnHookPanic that records its arguments.
type panics struct {
	ledger
	values []any
}

func (p *panics) add(tr atomicbreaker.Transition, v any) {
	p.ledger.add(tr)
	p.values = append(p.values, v)
}

func TestHook_PanicLosesNothing(t *testing.T) {
	for name, generations := range wrecks {
		t.Run(name, func(t *testing.T) {
			var b *atomicbreaker.Breaker
			var ledgers [4]ledger
			var caught panics
			wreck := func(g uint32) { panic(g) }
			b = atomicbreaker.MustNew("sink",
				atomicbreaker.WithOnHookPanic(caught.add),
				atomicbreaker.WithOnTransition(backlog(&b)),
				atomicbreaker.WithOnTransition(ledgers[0].add),
				atomicbreaker.WithOnTransition(wrecked(&ledgers[1], generations, wreck)),
				atomicbreaker.WithOnTransition(wrecked(&ledgers[2], generations, wreck)),
				atomicbreaker.WithOnTransition(ledgers[3].add))
			require.NotPanics(t, b.Trip)
			var want []uint32 // two of the hooks panic
			for _, g := range generations {
				want = append(want, g, g)
			}
			require.Equal(t, want, caught.generations())
			for i, g := range want {
				require.Equal(t, g, caught.values[i])
			}

			require.Equal(t, atomicbreaker.Closed, b.State())
			flip(b, 2)
			for i := range ledgers {
				requireChain(t, ledgers[i].all(), b.Snapshot())
			}
		})
	}
}

func TestHook_PanicsEveryTimeInALongBacklog(t *testing.T) {
	var b *atomicbreaker.Breaker
	var l ledger
	var caught panics
	b = atomicbreaker.MustNew("sink", atomicbreaker.WithOnHookPanic(caught.add),
		atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
			if tr.Generation == 1 {
				flip(b, 1000)
			}
			l.add(tr)
			panic("every time")
		}))
	require.NotPanics(t, b.Trip)
	require.Equal(t, through(1000), l.generations())
	require.Equal(t, through(1000), caught.generations())
}

// The handler runs on the delivering goroutine, which may differ from the one that made the
// transition. Neither of them sees the panic.
func TestHook_PanicStaysInTheDeliveringGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var l ledger
		var by, deliverer string
		b := atomicbreaker.MustNew("sink",
			atomicbreaker.WithOnHookPanic(func(atomicbreaker.Transition, any) { by = goroutine() }),
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				if tr.Generation == 1 {
					<-gate
				}
				l.add(tr)
				if tr.Generation == 4 {
					panic("made by another")
				}
			}))
		var received []uint32
		go func() {
			deliverer = goroutine()
			b.Trip()
			received = l.generations()
		}()
		synctest.Wait()
		require.NotPanics(t, func() { flip(b, 6) })
		close(gate)
		synctest.Wait()
		require.Equal(t, deliverer, by)
		require.Equal(t, through(6), received)
	})
}

func TestHook_PanicsUnderContention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var before, after ledger
		var caught panics
		thrown := 0
		b := atomicbreaker.MustNew("sink",
			atomicbreaker.WithOnHookPanic(caught.add),
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
				before.add(tr)
				if tr.Generation%5 == 0 {
					thrown++
					panic(tr.Generation)
				}
			}),
			atomicbreaker.WithOnTransition(after.add))
		together(8, func(int) {
			for n := range 200 {
				flip(b, n%2+1)
			}
		})
		require.Positive(t, thrown)
		require.Len(t, caught.values, thrown)
		requireChain(t, before.all(), b.Snapshot())
		requireChain(t, after.all(), b.Snapshot())
	})
}

// A panic of an asynchronous hook does not crash the program either.
func TestHook_AsyncPanicLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second ledger
		var caught panics
		b := atomicbreaker.MustNew("sink",
			atomicbreaker.WithOnHookPanic(caught.add),
			atomicbreaker.WithAsyncOnTransition(wrecked(&first, wrecks["every"], func(g uint32) { panic(g) })),
			atomicbreaker.WithAsyncOnTransition(second.add))
		flip(b, 4)
		synctest.Wait()
		flip(b, 4)
		synctest.Wait()
		require.Equal(t, through(8), first.generations())
		require.Equal(t, through(8), second.generations())
		require.Equal(t, through(6), caught.generations())
	})
}

// The call returns what it would return without hooks: the caller keeps its admission, and its
// outcome counts.
func TestHook_PanicLeavesTheCallAlone(t *testing.T) {
	var caught panics
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0),
		atomicbreaker.WithProbeTimeout(0), atomicbreaker.WithOnHookPanic(caught.add),
		atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) { panic(tr.Cause) }))
	p := acquired(t, b)
	p.Failure()
	require.Equal(t, atomicbreaker.Open, b.State())
	require.True(t, b.Allow())
	require.Equal(t, 1, b.Snapshot().HalfOpenCalls)
	b.RecordSuccess()
	require.Equal(t, atomicbreaker.Closed, b.State())
	require.ErrorIs(t, b.Do(func() error { return errDown }), errDown)
	p = acquired(t, b)
	require.Equal(t, uint32(5), p.Generation())
	p.Cancel()
	require.NoError(t, b.Do(func() error { return nil }))
	require.Equal(t, atomicbreaker.Snapshot{Generation: 6, Attempt: 0}, b.Snapshot())
	require.Equal(t, []any{
		atomicbreaker.CauseFailureThreshold, atomicbreaker.CauseProbeAdmitted, atomicbreaker.CauseProbeSucceeded,
		atomicbreaker.CauseFailureThreshold, atomicbreaker.CauseProbeAdmitted, atomicbreaker.CauseProbeSucceeded,
	}, caught.values)
}

// A timer makes transitions on a goroutine of its own, where no caller could recover a panic.
func TestHook_PanicOnATimersGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var caught panics
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(time.Second),
			atomicbreaker.WithProbeTimeout(time.Minute), atomicbreaker.WithOnHookPanic(caught.add),
			atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { panic("every time") }))
		b.Trip()
		pass(time.Second)
		p := acquired(t, b) // its hook panics, and the caller still gets the permit
		require.Equal(t, uint32(2), p.Generation())
		require.Equal(t, 1, b.Snapshot().HalfOpenCalls)
		pass(time.Minute)
		require.Equal(t, atomicbreaker.Open, b.State(), "the timer's transition")
		require.Equal(t, through(3), caught.generations())
		require.Equal(t, atomicbreaker.CauseProbeTimedOut, caught.all()[2].Cause)
	})
}

func TestHook_PanicHandlerThatPanics(t *testing.T) {
	printed := stderr(t)
	var l ledger
	var calls atomic.Int32
	b := atomicbreaker.MustNew("loki",
		atomicbreaker.WithOnHookPanic(func(atomicbreaker.Transition, any) { panic("not the last one") }),
		atomicbreaker.WithOnHookPanic(func(atomicbreaker.Transition, any) {
			calls.Add(1)
			panic(errors.New("handler"))
		}),
		atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { panic("hook") }),
		atomicbreaker.WithOnTransition(l.add))
	require.NotPanics(t, func() { flip(b, 2) })
	require.EqualValues(t, 2, calls.Load())
	require.Equal(t, through(2), l.generations())
	text := printed()
	for _, want := range []string{
		`atomicbreaker: breaker "loki": hook panicked on closed -> open (generation 1): hook`,
		`atomicbreaker: breaker "loki": function of WithOnHookPanic panicked on closed -> open (generation 1): handler`,
		`atomicbreaker: breaker "loki": function of WithOnHookPanic panicked on open -> closed (generation 2): handler`,
	} {
		require.Contains(t, text, want+"\ngoroutine ")
	}
	require.NotContains(t, text, "not the last one")
}

func TestHook_PanicIsPrintedWithItsStack(t *testing.T) {
	for name, with := range map[string]func(hook) atomicbreaker.Option{
		"sync": atomicbreaker.WithOnTransition, "async": atomicbreaker.WithAsyncOnTransition,
	} {
		t.Run(name, func(t *testing.T) {
			printed := stderr(t)
			synctest.Test(t, func(*testing.T) {
				b := atomicbreaker.MustNew("loki", with(func(tr atomicbreaker.Transition) {
					if tr.Generation == 2 {
						panicsInHere()
					}
				}))
				flip(b, 3)
				synctest.Wait()
			})
			text := printed()
			require.Regexp(t, regexp.MustCompile(`^atomicbreaker: breaker "loki": hook panicked on open -> closed \(generation 2\): `+
				`boom\ngoroutine \d+ \[running`), text)
			require.Contains(t, text, "panicsInHere")
			require.Equal(t, 1, strings.Count(text, "atomicbreaker: breaker"))
		})
	}
}

//go:noinline
func panicsInHere() { panic("boom") }

// A handler can print the stack of the panic, and nothing else prints it.
func TestHook_PanicHandlerSeesTheStack(t *testing.T) {
	printed := stderr(t)
	var stack string
	b := atomicbreaker.MustNew("loki",
		atomicbreaker.WithOnHookPanic(func(atomicbreaker.Transition, any) { stack = string(debug.Stack()) }),
		atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { panicsInHere() }))
	b.Trip()
	require.Contains(t, stack, "panicsInHere")
	require.Empty(t, printed())
}

func TestHook_PanicLeavesThePermitSpent(t *testing.T) {
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithOnHookPanic(func(atomicbreaker.Transition, any) {}),
		atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) { panic(tr.Cause) }))
	b.Start(word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 9, Failures: 5, Calls: 1}))
	p := b.PermitOf(9)
	p.Failure()
	require.Zero(t, p.Generation())
}

// stderr redirects os.Stderr to a file until the test ends. printed returns the file's contents.
func stderr(t *testing.T) (printed func() string) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	before := os.Stderr
	os.Stderr = f
	t.Cleanup(func() {
		os.Stderr = before
		assert.NoError(t, f.Close())
	})
	return func() string {
		_, err := f.Seek(0, io.SeekStart)
		require.NoError(t, err)
		text, err := io.ReadAll(f)
		require.NoError(t, err)
		return string(text)
	}
}

// recovered returns the value that f panics with, or nil.
func recovered(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}
