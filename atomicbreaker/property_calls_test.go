// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// These are the results of guarded calls. The classifier of the pair inverts the default one,
// wherever there is an inverse.
var (
	errPairSink     = errors.New("the sink failed")
	errPairRefused  = errors.New("the sink rejected the record")
	errPairNoIdea   = errors.New("unknown cause")
	errPairCanceled = fmt.Errorf("gave up: %w", context.Canceled)

	pairErrors = []error{nil, errPairSink, context.Canceled, errPairCanceled, errPairRefused, errPairNoIdea}
)

// pairWait is an error that may say how long to wait.
type pairWait struct {
	d    time.Duration
	says bool // the second result of pairRetryAfter
}

func (e *pairWait) Error() string { return fmt.Sprintf("wait %v (%t)", e.d, e.says) }

// pairRetryAfter returns a time even where it reports false, and reports true for a time of 0 or
// less.
func pairRetryAfter(err error) (time.Duration, bool) {
	if err == nil {
		panic("called with a nil error")
	}
	var wait *pairWait
	if errors.As(err, &wait) {
		return wait.d, wait.says
	}
	return time.Hour, false
}

// counts reports whether e opens the breaker of p for the time that it names.
func (p *modelPair) counts(e *pairWait) bool { return p.with.retries && e.says && e.d > 0 }

func (p *modelPair) classify(err error) atomicbreaker.Outcome {
	var wait *pairWait
	switch {
	case errors.As(err, &wait) && p.counts(wait):
		panic("the classifier was called with a retry-after error")
	case errors.Is(err, errPairRefused):
		return atomicbreaker.Success
	case errors.Is(err, errPairSink):
		return atomicbreaker.Ignore
	case errors.Is(err, errPairNoIdea):
		return atomicbreaker.Outcome(7) // none of the three: a failure
	case err == nil:
		panic("the classifier was called with a nil error")
	default:
		return atomicbreaker.Failure
	}
}

// settle reports err to the model through a permit of that generation. took is the duration of the
// call.
func (p *modelPair) settle(generation uint32, err error, took time.Duration) {
	p.made(nil)
	canceled := errors.Is(err, context.Canceled)
	var wait *pairWait
	switch {
	case errors.As(err, &wait) && p.counts(wait):
		p.m.FailureRetryAfter(generation, wait.d)
	case err == nil, p.with.classifies && errors.Is(err, errPairRefused):
		if p.with.slow > 0 && took > p.with.slow {
			err = atomicbreaker.ErrSlow
			p.m.Failure(generation)
		} else {
			p.m.Success(generation)
		}
	case p.with.classifies && errors.Is(err, errPairSink), !p.with.classifies && canceled:
		p.m.Cancel(generation)
	default:
		p.m.Failure(generation)
	}
	p.made(err)
}

// drawError draws the result of a call.
func (p *modelPair) drawError(t *rapid.T) error {
	i := pairErrorIndices.Draw(t, "error")
	if i < len(pairErrors) {
		return pairErrors[i]
	}
	return &pairWait{p.drawHold(t), i < len(pairErrors)+2}
}

// The last three indices are errors with a time, two of which say that it is valid.
var pairErrorIndices = rapid.IntRange(0, len(pairErrors)+2)

// drawHold draws a time to wait: one of the test's durations, or about the time left until a probe.
func (p *modelPair) drawHold(t *rapid.T) time.Duration {
	i := rapid.IntRange(0, len(p.holds)+1).Draw(t, "hold")
	if i < len(p.holds) {
		return p.holds[i]
	}
	return p.m.RetryAfter() + pairAround.Draw(t, "give or take")
}

// With the slack of a tenth, none of these ends before the running period.
var pairAround = rapid.SampledFrom([]time.Duration{-time.Second, -1, 0, 1})

// pairPermit is a permit that a caller keeps, and what the model knows of it.
type pairPermit struct {
	permit     atomicbreaker.Permit
	generation uint32
	spent      bool
}

// keepPermitsFromBefore adds the permits of callers that were admitted before the test began: one
// of the previous period, one of a generation that differs in the highest bit only, and one of the
// current period for each probe in flight. It also adds the zero Permit, which was never granted.
func (p *modelPair) keepPermitsFromBefore(start model.State) {
	p.permits = append(p.permits, &pairPermit{spent: true})
	generations := []uint32{(start.Generation - 1) & lastGeneration, start.Generation ^ 1<<23}
	for range start.Calls {
		generations = append(generations, start.Generation)
	}
	for _, g := range generations {
		p.permits = append(p.permits, &pairPermit{permit: p.b.PermitOf(g), generation: g})
	}
}

func (p *modelPair) tryAcquire(t rapid.TB) {
	generation, verdict := p.m.Admit()
	permit, ok := p.b.TryAcquire()
	admitted := verdict == model.Admitted
	if want := admitted || p.with.dryRun; ok != want {
		t.Fatalf("TryAcquire: %t, want %t", ok, want)
	}
	if got := permit.Generation(); got != generation {
		t.Fatalf("TryAcquire: permit of generation %d, want %d", got, generation)
	}
	if !admitted && permit != (atomicbreaker.Permit{}) {
		t.Fatalf("TryAcquire rejected the call and returned a non-zero permit")
	}
	p.permits = append(p.permits, &pairPermit{permit, generation, !admitted})
}

// pairReport is one of a permit's methods, with its argument.
type pairReport struct {
	how string
	err error
}

var (
	pairReports = rapid.SampledFrom([]string{
		"Success", "Success", "Failure", "Cancel", "Fail", "Report", "Report", "Report", "Report", "Report",
	})
	pairUses = rapid.SampledFrom([]string{"report", "report twice", "copy", "report a copy first"})
)

func (p *modelPair) drawReport(t *rapid.T, label string) (r pairReport) {
	if r.how = pairReports.Draw(t, label); r.how == "Fail" || r.how == "Report" {
		r.err = p.drawError(t)
	}
	return r
}

// usePermit reports through any permit that was ever granted, however old, and sometimes misuses
// it.
func (p *modelPair) usePermit(t *rapid.T) {
	if len(p.permits) == 0 {
		t.Skip("no such permit")
	}
	i := rapid.IntRange(0, len(p.permits)-1).Draw(t, "permit")
	how := p.drawReport(t, "report")
	switch pairUses.Draw(t, "use") {
	case "report":
		p.report(t, i, how)
	case "report twice":
		p.report(t, i, how)
		p.report(t, i, p.drawReport(t, "second report"))
	case "copy": // from now on two that report separately
		twin := *p.permits[i]
		p.permits = append(p.permits, &twin)
	case "report a copy first":
		twin := *p.permits[i]
		p.permits = append(p.permits, &twin)
		p.report(t, len(p.permits)-1, how)
		p.report(t, i, p.drawReport(t, "second report"))
	}
}

func (p *modelPair) report(t rapid.TB, i int, r pairReport) {
	if i < 0 {
		t.Skip("no such permit")
	}
	k := p.permits[i]
	switch r.how {
	case "Success":
		k.permit.Success()
		k.tell(p.m.Success)
	case "Failure":
		k.permit.Failure()
		k.tell(p.m.Failure)
	case "Cancel":
		k.permit.Cancel()
		k.tell(p.m.Cancel)
	case "Fail":
		p.made(nil)
		k.permit.Fail(r.err)
		k.tell(p.m.Failure)
		p.made(r.err)
	case "Report":
		k.permit.Report(r.err)
		k.tell(func(generation uint32) { p.settle(generation, r.err, 0) })
	}
	if got := k.permit.Generation(); got != 0 {
		t.Fatalf("a spent permit has generation %d, want 0", got)
	}
}

// report passes the first report on to the model and drops the others.
func (k *pairPermit) tell(report func(generation uint32)) {
	if !k.spent {
		k.spent = true
		report(k.generation)
	}
}
