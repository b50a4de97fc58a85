// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// ledger records the transitions that its hook receives. The breaker calls the hook one at a time;
// the mutex is for concurrent readers.
type ledger struct {
	mu   sync.Mutex
	list []atomicbreaker.Transition
}

func (l *ledger) add(t atomicbreaker.Transition) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, t)
}

func (l *ledger) all() []atomicbreaker.Transition {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]atomicbreaker.Transition(nil), l.list...)
}

func (l *ledger) last() atomicbreaker.Transition {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list[len(l.list)-1]
}

// undated requires that the transitions carry a time, and returns them without it.
func undated(list ...atomicbreaker.Transition) []atomicbreaker.Transition {
	list = append([]atomicbreaker.Transition(nil), list...)
	for i := range list {
		list[i].At = time.Time{}
	}
	return list
}

func (l *ledger) generations() []uint32 {
	var list []uint32
	for _, t := range l.all() {
		list = append(list, t.Generation)
	}
	return list
}

func (l *ledger) causes() []atomicbreaker.Cause {
	var list []atomicbreaker.Cause
	for _, t := range l.all() {
		list = append(list, t.Cause)
	}
	return list
}

// kept returns a breaker and the ledger of its transitions.
func kept(t *testing.T, opts ...atomicbreaker.Option) (*atomicbreaker.Breaker, *ledger) {
	t.Helper()
	l := &ledger{}
	b, err := atomicbreaker.New("sink", append(opts, atomicbreaker.WithOnTransition(l.add))...)
	require.NoError(t, err)
	return b, l
}

// possible reports whether a transition's cause can lead from its one state to the other.
func possible(t atomicbreaker.Transition) bool {
	type way struct{ from, to atomicbreaker.State }
	w := way{t.From, t.To}
	switch t.Cause {
	case atomicbreaker.CauseFailureThreshold:
		return w == way{atomicbreaker.Closed, atomicbreaker.Open}
	case atomicbreaker.CauseProbeAdmitted:
		return w == way{atomicbreaker.Open, atomicbreaker.HalfOpen}
	case atomicbreaker.CauseProbeSucceeded:
		return w == way{atomicbreaker.HalfOpen, atomicbreaker.Closed}
	case atomicbreaker.CauseProbeFailed, atomicbreaker.CauseProbeTimedOut:
		return w == way{atomicbreaker.HalfOpen, atomicbreaker.Open}
	case atomicbreaker.CauseTripped:
		return w.to == atomicbreaker.Open && w.from <= atomicbreaker.HalfOpen
	case atomicbreaker.CauseReset:
		return w.to == atomicbreaker.Closed && w.from != atomicbreaker.Closed
	case atomicbreaker.CauseForced:
		return w.to >= atomicbreaker.ForcedOpen && w.from != w.to
	}
	return false
}

// requireChain requires that list is the complete history of a new breaker until last: contiguous
// generations, each transition from the state that the one before led to, and for a cause that can
// lead there.
func requireChain(t *testing.T, list []atomicbreaker.Transition, last atomicbreaker.Snapshot) {
	t.Helper()
	state := atomicbreaker.Closed
	for i, made := range list {
		require.Equal(t, uint32(i+1), made.Generation, "%+v", made)
		require.Equal(t, state, made.From, "%+v", made)
		require.True(t, possible(made), "%+v", made)
		state = made.To
	}
	require.Equal(t, last.State, state)
	require.Equal(t, last.Generation, uint32(len(list)))
}

// sample is one observation of a breaker: the state, read between two snapshots.
type sample struct {
	before, after atomicbreaker.Snapshot
	state         atomicbreaker.State
}

func look(b *atomicbreaker.Breaker) sample {
	s := sample{before: b.Snapshot()}
	s.state = b.State()
	s.after = b.Snapshot()
	return s
}

// requireSeen requires that one observer's samples, in the order taken, agree with the transitions
// in list, and that each of them is a valid state of a breaker.
func requireSeen(t *testing.T, list []atomicbreaker.Transition, samples []sample, maxCalls int) {
	t.Helper()
	stateAt := func(generation uint32) atomicbreaker.State {
		if generation == 0 {
			return atomicbreaker.Closed
		}
		return list[generation-1].To
	}
	var seen uint32
	for _, s := range samples {
		for _, shot := range []atomicbreaker.Snapshot{s.before, s.after} {
			require.GreaterOrEqual(t, shot.Generation, seen, "the generation decreased")
			seen = shot.Generation
			require.Equal(t, stateAt(seen), shot.State, "generation %d", seen)
			require.LessOrEqual(t, shot.HalfOpenCalls, maxCalls)
			if shot.State != atomicbreaker.HalfOpen {
				require.Zero(t, shot.HalfOpenCalls+shot.HalfOpenSuccesses, "%+v", shot)
			}
			if shot.ProbeDue {
				require.Equal(t, atomicbreaker.Open, shot.State)
			}
		}
		var between []atomicbreaker.State
		for g := s.before.Generation; g <= s.after.Generation; g++ {
			between = append(between, stateAt(g))
		}
		require.Contains(t, between, s.state)
	}
}

// together runs f on n goroutines, which start together at a spinning barrier, and waits for all of
// them.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	var waiting atomic.Int32
	waiting.Store(int32(n))
	for i := range n {
		wg.Go(func() {
			for waiting.Add(-1); waiting.Load() > 0; {
				runtime.Gosched()
			}
			f(i)
		})
	}
	wg.Wait()
}

// within fails the test if f does not return in time. A goroutine blocked on a lock is not durably
// blocked, so virtual time cannot tell.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		assert.FailNow(t, "still waiting")
	}
}
