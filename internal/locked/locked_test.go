// SPDX-License-Identifier: Apache-2.0

package locked_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/locked"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

type permit interface {
	Success()
	Failure()
}

// breaker is a locked variant; acquire is its TryAcquire.
type breaker struct {
	variant
	acquire func() (permit, bool)
}

type variant interface {
	Allow() bool
	RecordSuccess()
	RecordFailure()
	Do(func() error) error
	Trip()
	Reset()
	Elapsed(generation uint32, successes int)
	Word() word.Word
}

func newMutex(p word.Params) breaker {
	b := locked.NewMutex(p)
	return breaker{b, func() (permit, bool) { p, ok := b.TryAcquire(); return &p, ok }}
}

func newRWMutex(p word.Params) breaker {
	b := locked.NewRWMutex(p)
	return breaker{b, func() (permit, bool) { p, ok := b.TryAcquire(); return &p, ok }}
}

// modelPermit reports once, as every permit does. The model itself uses only generations.
type modelPermit struct {
	m          *model.Model
	generation uint32
	spent      bool
}

func (p *modelPermit) Success() { p.report((*model.Model).Success) }
func (p *modelPermit) Failure() { p.report((*model.Model).Failure) }

func (p *modelPermit) report(f func(*model.Model, uint32)) {
	if !p.spent {
		p.spent = true
		f(p.m, p.generation)
	}
}

// stateOf converts a word to the model's state.
func stateOf(w word.Word) model.State {
	return model.State{
		Phase: model.Phase(w.Phase()), Generation: w.Generation(), Attempt: int(w.Attempt()),
		Failures: int(w.Failures()), Calls: int(w.Calls()), Successes: int(w.Successes()),
	}
}

// Both variants and the model receive the same random calls: permits reported late, twice or never,
// timers that fire in the wrong period, functions that fail and panic. After every call all three
// must be in the same state.
func TestLocked_DoAsTheModelDoes(t *testing.T) {
	const programs, length = 500, 200
	phases := map[model.Phase]int{}
	for seed := range uint64(programs) {
		r := rand.New(rand.NewPCG(seed, 0))
		c := model.Config{
			FailureThreshold: 1 + r.IntN(4), HalfOpenMaxCalls: 1 + r.IntN(3), SuccessThreshold: 1 + r.IntN(3),
			RecoveryTimeout: time.Duration(r.IntN(2)) * time.Second,
		}
		params := word.Params{
			FailureLimit: uint32(c.FailureThreshold), FailureWeight: 1, SuccessWeight: word.MaxFailures,
			MaxCalls: uint32(c.HalfOpenMaxCalls), SuccessThreshold: uint32(c.SuccessThreshold),
			DueAtOnce: c.RecoveryTimeout == 0,
		}
		if r.IntN(2) == 0 {
			c.FailureWeight, c.SuccessWeight = 3, 2
			params.FailureWeight, params.SuccessWeight = 3, 2
			params.FailureLimit *= 3
		}
		run := run{r: r, m: model.New(c), variants: []breaker{newMutex(params), newRWMutex(params)}}
		for step := range length {
			what := run.step(t)
			want := run.m.State()
			for _, b := range run.variants {
				require.Equal(t, want, stateOf(b.Word()), "seed %d, step %d: %T after %s", seed, step, b.variant, what)
			}
			phases[want.Phase]++
		}
	}
	t.Logf("steps that ended in each phase: %v", phases)
	for _, p := range []model.Phase{model.Closed, model.Cooling, model.Due, model.HalfOpen} {
		assert.Greater(t, phases[p], programs*length/50, "the programs hardly reached phase %v", p)
	}
}

// run is one program: the model, the variants, and the permits that each of them granted for the
// same admission.
type run struct {
	r        *rand.Rand
	m        *model.Model
	variants []breaker
	permits  [][]permit
}

var errSink = errors.New("sink failed")

// step makes one random call on all of them and returns its description. It compares the answers;
// the caller compares the states.
func (run *run) step(t *testing.T) string {
	t.Helper()
	now := run.m.State()
	switch run.r.IntN(9) {
	case 0:
		_, verdict := run.m.Admit()
		for _, b := range run.variants {
			require.Equal(t, verdict == model.Admitted, b.Allow(), "%T.Allow: %s", b.variant, verdict)
		}
		return "Allow"
	case 1, 2:
		return run.tryAcquire(t)
	case 3:
		run.m.RecordSuccess()
		run.each(func(b breaker) { b.RecordSuccess() })
		return "RecordSuccess"
	case 4:
		run.m.RecordFailure()
		run.each(func(b breaker) { b.RecordFailure() })
		return "RecordFailure"
	case 5, 6:
		return run.report()
	case 7:
		generation := now.Generation - uint32(run.r.IntN(2)) // of the current period, or of the previous one
		run.m.Elapsed(generation, now.Successes)
		run.each(func(b breaker) { b.Elapsed(generation, now.Successes) })
		return "Elapsed"
	}
	switch run.r.IntN(8) {
	case 0:
		run.m.Trip()
		run.each(func(b breaker) { b.Trip() })
		return "Trip"
	case 1:
		run.m.Reset()
		run.each(func(b breaker) { b.Reset() })
		return "Reset"
	}
	return run.do(t)
}

func (run *run) each(f func(breaker)) {
	for _, b := range run.variants {
		f(b)
	}
}

func (run *run) tryAcquire(t *testing.T) string {
	t.Helper()
	generation, verdict := run.m.Admit()
	given := []permit{&modelPermit{m: run.m, generation: generation, spent: verdict != model.Admitted}}
	for _, b := range run.variants {
		p, ok := b.acquire()
		require.Equal(t, verdict == model.Admitted, ok, "%T.TryAcquire: %s", b.variant, verdict)
		given = append(given, p) // also a zero permit: its reports must change nothing
	}
	run.permits = append(run.permits, given)
	return "TryAcquire"
}

// report picks one of the last permits and keeps it, so that some are reported twice and some
// never.
func (run *run) report() string {
	if len(run.permits) == 0 {
		return "nothing"
	}
	given := run.permits[len(run.permits)-1-run.r.IntN(min(4, len(run.permits)))]
	success := run.r.IntN(2) == 0
	for _, p := range given {
		if success {
			p.Success()
		} else {
			p.Failure()
		}
	}
	return fmt.Sprintf("a permit's report, success: %t", success)
}

// do runs a function that fails, panics or succeeds.
func (run *run) do(t *testing.T) string {
	t.Helper()
	kind := run.r.IntN(4)
	fn := func() error {
		switch kind {
		case 0:
			return errSink
		case 1:
			panic(errSink)
		}
		return nil
	}
	generation, verdict := run.m.Admit()
	for _, b := range run.variants {
		var err error
		panicked := func() (r any) {
			defer func() { r = recover() }()
			err = b.Do(fn)
			return nil
		}()
		switch {
		case verdict != model.Admitted:
			require.Equal(t, locked.ErrRejected, err, "%T.Do: %s", b.variant, verdict)
		case kind == 0:
			require.Equal(t, errSink, err, "%T.Do", b.variant)
		case kind == 1:
			require.Equal(t, errSink, panicked, "%T.Do", b.variant)
		default:
			require.NoError(t, err, "%T.Do", b.variant)
		}
	}
	if verdict == model.Admitted {
		if kind <= 1 {
			run.m.Failure(generation)
		} else {
			run.m.Success(generation)
		}
	}
	return fmt.Sprintf("Do of kind %d", kind)
}

// A missing lock loses outcomes, or the race detector finds it.
func TestLocked_CountsUnderContention(t *testing.T) {
	const goroutines, each = 8, 8000
	params := word.Params{
		FailureLimit: goroutines*each + 1, FailureWeight: 1, SuccessWeight: 1, MaxCalls: 1, SuccessThreshold: 1,
	}
	for _, b := range []breaker{newMutex(params), newRWMutex(params)} {
		contend := func(f func()) {
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for range each {
						if b.Allow() { // always true: the breaker is closed
							f()
						}
					}
				})
			}
			wg.Wait()
		}
		contend(b.RecordFailure)
		assert.Equal(t, uint32(goroutines*each), b.Word().Failures(), "%T", b.variant)
		contend(b.RecordSuccess)
		assert.Zero(t, b.Word().Failures(), "%T", b.variant)
		contend(b.RecordFailure)
		assert.Equal(t, word.Closed, b.Word().Phase(), "%T", b.variant)
		b.RecordFailure()
		assert.Equal(t, word.Cooling, b.Word().Phase(), "%T", b.variant)
	}
}
