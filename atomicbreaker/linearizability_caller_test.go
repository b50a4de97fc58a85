// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/history"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// racingCaller is one goroutine of a program, with the permits that it holds.
type racingCaller struct {
	*atomicbreaker.Breaker
	*history.Recorder
	permits  []heldPermit
	doCalled int64 // when the goroutine's running call through Do began
}

type heldPermit struct {
	permit     atomicbreaker.Permit
	generation uint32
	spent      bool
}

var (
	errRacingSink = errors.New("sink failed")
	errRacingWait = errors.New("sink failed and named a time to wait")
	endError      = map[history.End]error{
		history.Fails: errRacingSink, history.FailsRetryAfter: errRacingWait, history.Ignored: context.Canceled,
	}
	reportedAs = map[history.End]history.Kind{
		history.Returns: history.DoSuccess, history.Fails: history.DoFailure,
		history.FailsRetryAfter: history.DoFailureRetryAfter,
		history.Ignored:         history.DoCancel, history.Panics: history.DoFailure,
	}
)

// These are open periods. The judge accepts that a TripFor extends an open period or that it does
// not; with these values both happen.
const racingWait, racingTrip, racingLongerTrip = 36 * time.Hour, 24 * time.Hour, 48 * time.Hour

func racingRetryAfter(err error) (time.Duration, bool) {
	return racingWait, errors.Is(err, errRacingWait)
}

// runProgram runs the program's goroutines on a new breaker and returns the history.
func runProgram(t *testing.T, r *history.Runner, p *history.Program) *history.History {
	t.Helper()
	h := &history.History{Program: p, Config: p.Config, Start: p.Start}
	// The slice has no lock, so that the race detector sees overlapping deliveries.
	hook := atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) { h.Received = append(h.Received, asModel(tr)) })
	opts := append(options(p.Config), hook, atomicbreaker.WithRetryAfter(racingRetryAfter))
	if p.Config.FailureWeight > 0 { // the breaker's option for the model's weights
		share := float64(p.Config.SuccessWeight) / float64(p.Config.FailureWeight+p.Config.SuccessWeight)
		opts = append(opts, atomicbreaker.WithFailureRate(share))
	}
	b, err := atomicbreaker.New("sink", opts...)
	require.NoError(t, err)
	if p.Start.Phase == model.Cooling {
		b.StartCooling(wordOf(p.Start), racingTrip)
	} else {
		b.Start(wordOf(p.Start))
	}
	callers := make([]*racingCaller, len(p.Threads))
	for i := range callers {
		callers[i] = &racingCaller{Breaker: b, permits: make([]heldPermit, 0, 32)}
		for _, offset := range p.Permits {
			generation := (p.Start.Generation + uint32(offset)) & word.MaxGeneration
			callers[i].permits = append(callers[i].permits, heldPermit{permit: b.PermitOf(generation), generation: generation})
		}
	}
	h.Operations = r.Run(func(thread int, recorder *history.Recorder) {
		callers[thread].Recorder = recorder
		callers[thread].perform(p.Threads[thread])
	})
	h.Final = stateOf(b.Word())
	return h
}

func (c *racingCaller) perform(steps []history.Step) {
	for i := range steps {
		c.step(&steps[i])
	}
}

func (c *racingCaller) step(s *history.Step) {
	o := history.Operation{Kind: s.Op}
	call := c.Now()
	switch s.Op {
	case history.Allow:
		o.OK = c.Allow()
	case history.TryAcquire:
		var p atomicbreaker.Permit
		p, o.OK = c.TryAcquire()
		returned := c.Now()
		o.Given = p.Generation()
		c.Record(call, returned, o)
		if o.OK {
			c.permits = append(c.permits, heldPermit{permit: p, generation: o.Given})
		}
		return
	case history.Success, history.Failure, history.FailureRetryAfter, history.Cancel:
		c.report(s)
		return
	case history.Do:
		c.do(s)
		return
	case history.RecordSuccess:
		c.RecordSuccess()
	case history.RecordFailure:
		c.RecordFailure()
	case history.Elapsed:
		w := c.Word()
		o.Generation = (w.Generation() + uint32(s.Offset)) & word.MaxGeneration
		if o.Successes = s.Successes; o.Successes < 0 {
			o.Successes = int(w.Successes())
		}
		call = c.Now()
		c.Elapsed(o.Generation, o.Successes)
	case history.Trip:
		if s.Alias {
			c.TripFor(-1)
		} else {
			c.Trip()
		}
	case history.TripFor:
		if s.Alias {
			c.TripFor(racingLongerTrip)
		} else {
			c.TripFor(racingTrip)
		}
	case history.Reset:
		c.Reset()
	case history.ForceOpen:
		c.ForceOpen()
	case history.ForceClosed:
		c.ForceClosed()
	case history.State:
		state := c.State()
		returned := c.Now()
		o.Public = state.String()
		c.Record(call, returned, o)
		return
	case history.Snapshot:
		snapshot := c.Snapshot()
		returned := c.Now()
		o.State = seenState(snapshot)
		c.Record(call, returned, o)
		return
	case history.RetryAfter:
		o.OK = c.RetryAfter() > 0
	default:
		panic(fmt.Sprintf("%v cannot be performed", s.Op))
	}
	c.Returned(call, o)
}

func (c *racingCaller) report(s *history.Step) {
	p := &c.permits[len(c.permits)-1-s.Permit%len(c.permits)]
	o := history.Operation{Kind: s.Op, Generation: p.generation, Spent: p.spent}
	p.spent = true
	call := c.Now()
	switch {
	case s.Op == history.Success && s.Alias:
		p.permit.Report(nil)
	case s.Op == history.Success:
		p.permit.Success()
	case s.Op == history.FailureRetryAfter:
		p.permit.Report(errRacingWait)
	case s.Op == history.Failure && s.Alias:
		p.permit.Report(errRacingSink)
	case s.Op == history.Failure:
		p.permit.Failure()
	case s.Alias:
		p.permit.Report(context.Canceled)
	default:
		p.permit.Cancel()
	}
	c.Returned(call, o)
}

// errRacingPanic is the panic value of a guarded function, distinct from any bug of the test.
var errRacingPanic = errors.New("panic in the guarded function")

// do records a call through Do as an admission and a report, with the guarded function's operations
// in between.
func (c *racingCaller) do(s *history.Step) {
	var entered, left int64 // the function's own interval
	fn := func() error {
		entered = c.Now()
		c.Record(c.doCalled, entered, history.Operation{Kind: history.DoAdmit, Verdict: model.Admitted})
		c.perform(s.Body)
		left = c.Now()
		if s.End == history.Panics {
			panic(errRacingPanic)
		}
		return endError[s.End]
	}
	c.doCalled = c.Now()
	err := c.guarded(s.Alias, fn)
	returned := c.Now()
	if entered != 0 {
		c.Record(left, returned, history.Operation{Kind: reportedAs[s.End]})
		return
	}
	verdict := model.RejectedOpen
	if errors.Is(err, atomicbreaker.ErrTooManyProbes) {
		verdict = model.RejectedProbes
	}
	c.Record(c.doCalled, returned, history.Operation{Kind: history.DoAdmit, Verdict: verdict})
}

// guarded calls fn through Do or Call, and recovers the panic that fn may raise.
func (c *racingCaller) guarded(alias bool, fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil && r != errRacingPanic { //nolint:errorlint // the same value, not an equal error
			panic(r)
		}
	}()
	if !alias {
		return c.Do(fn)
	}
	_, err = atomicbreaker.Call(c.Breaker, func() (int, error) { return 0, fn() })
	return err
}

// seenState converts a snapshot to the model's state.
func seenState(s atomicbreaker.Snapshot) model.State {
	phase := map[atomicbreaker.State]model.Phase{
		atomicbreaker.Closed: model.Closed, atomicbreaker.Open: model.Cooling, atomicbreaker.HalfOpen: model.HalfOpen,
		atomicbreaker.ForcedOpen: model.ForcedOpen, atomicbreaker.ForcedClosed: model.ForcedClosed,
	}[s.State]
	if s.ProbeDue {
		phase = model.Due
	}
	return model.State{
		Phase: phase, Generation: s.Generation, Attempt: s.Attempt, Failures: s.Failures, Calls: s.HalfOpenCalls,
		Successes: s.HalfOpenSuccesses,
	}
}
