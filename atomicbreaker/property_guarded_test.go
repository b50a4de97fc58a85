// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"errors"
	"runtime"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// guarded is a call through Do or Call.
type guarded struct {
	through   string // "Do", "Call"
	ends      string // "returns", "panics", "exits"
	err       error
	took      time.Duration
	meanwhile string // an operation while the guarded function runs, "" for none
	hold      time.Duration
}

var (
	guardedThrough   = rapid.SampledFrom([]string{"Do", "Call"})
	guardedEnds      = rapid.SampledFrom([]string{"returns", "returns", "returns", "panics", "exits"})
	guardedMeanwhile = rapid.SampledFrom(append([]string{"", "", "", "", ""}, pairOperations...))
)

func (p *modelPair) drawGuarded(t *rapid.T) guarded {
	g := guarded{
		through:   guardedThrough.Draw(t, "through"),
		ends:      guardedEnds.Draw(t, "ends"),
		err:       p.drawError(t),
		meanwhile: guardedMeanwhile.Draw(t, "meanwhile"),
		hold:      p.drawHold(t),
	}
	if p.with.slow > 0 {
		g.took = rapid.SampledFrom([]time.Duration{0, p.with.slow, p.with.slow + 1}).Draw(t, "took")
	}
	return g
}

func (p *modelPair) do(t rapid.TB, g guarded) {
	generation, verdict := p.m.Admit()
	ran, value := false, 0
	got := end{how: "exits"}
	ended := make(chan struct{})
	go func() { // fn may call Goexit
		defer close(ended)
		defer func() {
			if r := recover(); r != nil {
				got = end{"panics", r}
			}
		}()
		fn := func() error {
			ran = true
			if g.took > 0 {
				p.sleep(g.took)
			}
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

	admitted := verdict == model.Admitted
	if !admitted && !p.with.dryRun {
		p.turnedAway(t, verdict, ran || value != 0, got)
		return
	}
	want := end{"returns", g.err}
	settle := func() { p.settle(generation, g.err, g.took) }
	switch g.ends {
	case "panics":
		want = end{"panics", &g}
		settle = func() { p.m.Failure(generation) }
	case "exits":
		want = end{how: "exits"}
		settle = func() { p.m.Failure(generation) }
	}
	if admitted {
		settle()
	}
	if !ran || got != want {
		t.Fatalf("%+v: ran %t, ended %+v, want %+v", g, ran, got, want)
	}
	if g.through == "Call" && g.ends == "returns" && value != 42 {
		t.Fatalf("Call: %d, want what the function returned", value)
	}
}

// end is how a guarded call ended for its caller, with its result.
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
