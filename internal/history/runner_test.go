// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/history"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// patient counts failures and never trips in these tests, so there are no transitions.
var patient = model.Config{FailureThreshold: 1000, HalfOpenMaxCalls: 1, SuccessThreshold: 1, RecoveryTimeout: time.Hour}

// counter is the interface that the programs of this file call. The model implements it and is
// correct, because it has a lock.
type counter interface {
	RecordSuccess()
	RecordFailure()
	State() model.State
}

// careless loads the state, lets the model compute the next one and stores it, without noticing
// changes in between.
type careless struct{ state atomic.Pointer[model.State] }

func (b *careless) State() model.State { return *b.state.Load() }
func (b *careless) RecordFailure()     { b.change((*model.Model).RecordFailure) }
func (b *careless) RecordSuccess()     { b.change((*model.Model).RecordSuccess) }

func (b *careless) change(f func(*model.Model)) {
	m := model.At(patient, b.State())
	f(m)
	runtime.Gosched() // so that it also fails on one processor
	s := m.State()
	b.state.Store(&s)
}

// count lets the runner's goroutines report to b and read it.
func count(r *history.Runner, b counter) *history.History {
	h := &history.History{Config: patient, Start: b.State()}
	h.Operations = r.Run(func(thread int, rec *history.Recorder) {
		for i := range 4 {
			o := history.Operation{}
			call := rec.Now()
			switch (thread + i) % 4 {
			case 0, 1:
				o.Kind = history.RecordFailure
				b.RecordFailure()
			case 2:
				o.Kind = history.Snapshot
				o.State = b.State()
			case 3:
				o.Kind = history.RecordSuccess
				b.RecordSuccess()
			}
			rec.Returned(call, o)
		}
	})
	h.Final = b.State()
	return h
}

// A locked implementation is accepted every time, and one with lost updates is soon rejected.
func TestRunner_AcceptsLockedRejectsCareless(t *testing.T) {
	for threads := 1; threads <= history.MaxThreads; threads++ {
		r := history.NewRunner(threads)
		for range 50 {
			if !assert.NoError(t, history.Judge(count(r, model.New(patient)), time.Minute)) {
				break
			}
		}
		rejected := func() bool {
			b := new(careless)
			b.state.Store(new(model.State))
			return history.Judge(count(r, b), time.Minute) != nil
		}
		if threads == 1 {
			assert.False(t, rejected(), "a single goroutine lost an update")
		} else {
			rounds := 1
			for rounds < 10_000 && !rejected() {
				rounds++
			}
			t.Logf("%d goroutines: rejected after %d histories", threads, rounds)
			assert.Less(t, rounds, 10_000, "%d goroutines", threads)
		}
		r.Close()
	}
}

// TestRunner_Merges requires that every goroutine runs once in a round, and that no record is lost.
func TestRunner_Merges(t *testing.T) {
	r := history.NewRunner(3)
	defer r.Close()
	for range 10 {
		var mu sync.Mutex
		var ran []int
		operations := r.Run(func(thread int, rec *history.Recorder) {
			mu.Lock()
			ran = append(ran, thread)
			mu.Unlock()
			for range 100 { // more than prealloc
				rec.Returned(rec.Now(), history.Operation{Kind: history.Trip})
			}
			rec.Record(1, 2, history.Operation{Kind: history.Reset})
		})
		slices.Sort(ran)
		assert.Equal(t, []int{0, 1, 2}, ran)
		require.Len(t, operations, 303)
		for i, o := range operations {
			if i < 3 {
				assert.Equal(t, history.Operation{Thread: i, Call: 1, Return: 2, Kind: history.Reset}, o, "earliest first")
				continue
			}
			assert.LessOrEqual(t, operations[i-1].Call, o.Call)
			assert.LessOrEqual(t, o.Call, o.Return)
		}
	}
}
