// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// What guarded calls end with. The classifier of the pair makes of them the opposite of what the default does, wherever
// there is an opposite.
var (
	errPairSink     = errors.New("the sink failed")
	errPairRefused  = errors.New("the sink refused the record")
	errPairNoIdea   = errors.New("nobody knows")
	errPairCanceled = fmt.Errorf("gave up: %w", context.Canceled)

	pairErrors = []error{nil, errPairSink, context.Canceled, errPairCanceled, errPairRefused, errPairNoIdea}
)

func pairClassifier(err error) atomicbreaker.Outcome {
	switch {
	case errors.Is(err, errPairRefused):
		return atomicbreaker.Success
	case errors.Is(err, errPairSink):
		return atomicbreaker.Ignore
	case errors.Is(err, errPairNoIdea):
		return atomicbreaker.Outcome(7) // none of the three: a failure
	case err == nil:
		panic("a nil error is a success and not to be asked about")
	default:
		return atomicbreaker.Failure
	}
}

// settle reports err to the model through a permit of that generation.
func (p *modelPair) settle(generation uint32, err error) {
	canceled := errors.Is(err, context.Canceled)
	switch {
	case err == nil, p.classifies && errors.Is(err, errPairRefused):
		p.m.Success(generation)
	case p.classifies && errors.Is(err, errPairSink), !p.classifies && canceled:
		p.m.Cancel(generation)
	default:
		p.m.Failure(generation)
	}
}

// pairPermit is a permit that somebody keeps, and what the model knows of it.
type pairPermit struct {
	permit     atomicbreaker.Permit
	generation uint32
	spent      bool
}

// keepPermitsFromBefore adds the permits of callers who were admitted before the test began: in the period before, in one
// so long ago that its number differs in the highest bit alone, and in the present one for each probe in flight. The zero
// Permit, which nobody gave, comes with them.
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
	if want := verdict == model.Admitted; ok != want {
		t.Fatalf("TryAcquire: %t, want %t", ok, want)
	}
	if got := permit.Generation(); got != generation {
		t.Fatalf("TryAcquire: permit of generation %d, want %d", got, generation)
	}
	if !ok && permit != (atomicbreaker.Permit{}) {
		t.Fatalf("TryAcquire turned the call away and returned a permit that is not zero")
	}
	p.permits = append(p.permits, &pairPermit{permit, generation, !ok})
}

// pairReports are the ways to report a permit: its three methods, and Report with each error.
var (
	pairReports = rapid.SampledFrom([]string{
		"Success", "Success", "Failure", "Cancel",
		"Report 0", "Report 1", "Report 2", "Report 3", "Report 4", "Report 5",
	})
	pairUses = rapid.SampledFrom([]string{"report", "report twice", "copy", "report a copy first"})
)

// usePermit reports any permit that was ever given, however old, and also does with it what nobody should.
func (p *modelPair) usePermit(t *rapid.T) {
	if len(p.permits) == 0 {
		t.Skip("there is none")
	}
	i := rapid.IntRange(0, len(p.permits)-1).Draw(t, "permit")
	how := pairReports.Draw(t, "report")
	switch pairUses.Draw(t, "use") {
	case "report":
		p.report(t, i, how)
	case "report twice":
		p.report(t, i, how)
		p.report(t, i, pairReports.Draw(t, "second report"))
	case "copy": // from now on two that report separately
		twin := *p.permits[i]
		p.permits = append(p.permits, &twin)
	case "report a copy first":
		twin := *p.permits[i]
		p.permits = append(p.permits, &twin)
		p.report(t, len(p.permits)-1, how)
		p.report(t, i, pairReports.Draw(t, "second report"))
	}
}

func (p *modelPair) report(t rapid.TB, i int, how string) {
	if i < 0 {
		t.Skip("there is none")
	}
	k := p.permits[i]
	switch how {
	case "Success":
		k.permit.Success()
		k.tell(p.m.Success)
	case "Failure":
		k.permit.Failure()
		k.tell(p.m.Failure)
	case "Cancel":
		k.permit.Cancel()
		k.tell(p.m.Cancel)
	default:
		err := pairErrors[how[len(how)-1]-'0']
		k.permit.Report(err)
		k.tell(func(generation uint32) { p.settle(generation, err) })
	}
	if got := k.permit.Generation(); got != 0 {
		t.Fatalf("a permit that was reported is of generation %d, want 0", got)
	}
}

// tell passes the first report on to the model; all others are nothing.
func (k *pairPermit) tell(report func(generation uint32)) {
	if !k.spent {
		k.spent = true
		report(k.generation)
	}
}

// guarded is a call through Do or Call.
type guarded struct {
	through   string // "Do", "Call"
	ends      string // "returns", "panics", "exits"
	err       error
	meanwhile string // an operation while the guarded function runs, "" for none
	hold      time.Duration
}

var (
	guardedThrough   = rapid.SampledFrom([]string{"Do", "Call"})
	guardedEnds      = rapid.SampledFrom([]string{"returns", "returns", "returns", "panics", "exits"})
	guardedErrors    = rapid.IntRange(0, len(pairErrors)-1)
	guardedMeanwhile = rapid.SampledFrom(append([]string{"", "", "", "", ""}, pairOperations...))
)

func drawGuarded(t *rapid.T, durations []time.Duration) guarded {
	return guarded{
		through:   guardedThrough.Draw(t, "through"),
		ends:      guardedEnds.Draw(t, "ends"),
		err:       pairErrors[guardedErrors.Draw(t, "error")],
		meanwhile: guardedMeanwhile.Draw(t, "meanwhile"),
		hold:      rapid.SampledFrom(durations).Draw(t, "for"),
	}
}

func (p *modelPair) do(t rapid.TB, g guarded) {
	generation, verdict := p.m.Admit()
	ran, value := false, 0
	got := end{how: "exits"}
	ended := make(chan struct{})
	go func() { // whose end may be a Goexit
		defer close(ended)
		defer func() {
			if r := recover(); r != nil {
				got = end{"panics", r}
			}
		}()
		fn := func() error {
			ran = true
			p.operate(g.meanwhile, g.hold)
			switch g.ends {
			case "panics":
				panic(&g)
			case "exits":
				runtime.Goexit()
			}
			return g.err
		}
		var err error
		if g.through == "Do" {
			err = p.b.Do(fn)
		} else {
			value, err = atomicbreaker.Call(p.b, func() (int, error) { return 42, fn() })
		}
		got = end{"returns", err}
	}()
	<-ended

	if verdict != model.Admitted {
		p.turnedAway(t, verdict, ran || value != 0, got)
		return
	}
	want := end{"returns", g.err}
	switch g.ends {
	case "returns":
		p.settle(generation, g.err)
	case "panics":
		want = end{"panics", &g}
		p.m.Failure(generation)
	case "exits":
		want = end{how: "exits"}
		p.m.Failure(generation)
	}
	if !ran || got != want {
		t.Fatalf("%+v: ran %t, ended %+v, want %+v", g, ran, got, want)
	}
	if g.through == "Call" && g.ends == "returns" && value != 42 {
		t.Fatalf("Call: %d, want what the function returned", value)
	}
}

// end is how a guarded call ended for its caller, and with what.
type end struct {
	how  string // "returns", "panics", "exits"
	with any    // the error, or the value of the panic
}

func (p *modelPair) turnedAway(t rapid.TB, verdict model.Verdict, ran bool, got end) {
	want, other := atomicbreaker.ErrOpen, atomicbreaker.ErrTooManyProbes
	if verdict == model.RejectedProbes {
		want, other = other, want
	}
	err, _ := got.with.(error)
	if ran || got.how != "returns" || !errors.Is(err, want) || errors.Is(err, other) ||
		!errors.Is(err, atomicbreaker.ErrRejected) || !strings.Contains(err.Error(), pairName) {
		t.Fatalf("%v: ran %t, %s with %v, want an error of %q that is %v", verdict, ran, got.how, got.with, pairName, want)
	}
}
