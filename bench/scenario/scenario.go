// SPDX-License-Identifier: Apache-2.0

// Package scenario says what the benchmarks measure: the names of the scenarios, the configurations
// of the breakers, and the loops that are the same for every implementation.
package scenario

import (
	"math"
	"time"
)

// Loop runs the body of a scenario n times, in a plain loop. An iteration costs about a quarter of
// a nanosecond, which is part of every measurement, on both sides of every ratio. Several
// goroutines may run a Loop at once. It panics if it meets a breaker in a state other than the
// scenario's, because it would then time something else.
type Loop func(n int)

// Scenario names what is measured, in the keys of benchstat: the benchmark, and the parameters of
// the case.
type Scenario string

// The scenarios. Times are for a call and its outcome; a cycle is all of its calls. The forms of
// call are: pair, Allow with RecordSuccess or RecordFailure; permit, the two steps with a value
// that carries the admission to its outcome; do, a call with a function.
const (
	Pair   Scenario = "Healthy/call=pair"
	Permit Scenario = "Healthy/call=permit"
	Do     Scenario = "Healthy/call=do"

	// An open breaker rejects while the recovery timeout runs, a half-open one while its only probe
	// is in flight.
	Reject         Scenario = "Rejecting/state=open/call=pair"
	RejectPermit   Scenario = "Rejecting/state=open/call=permit"
	RejectDo       Scenario = "Rejecting/state=open/call=do"
	RejectHalfOpen Scenario = "Rejecting/state=half_open/call=pair"

	// No failure trips.
	Flaky1000       Scenario = "Flaky/fails=0.1%/call=pair"
	Flaky100        Scenario = "Flaky/fails=1%/call=pair"
	Flaky4          Scenario = "Flaky/fails=25%/call=pair"
	Flaky1000Permit Scenario = "Flaky/fails=0.1%/call=permit"
	Flaky100Permit  Scenario = "Flaky/fails=1%/call=permit"
	Flaky4Permit    Scenario = "Flaky/fails=25%/call=permit"
	Flaky1000Do     Scenario = "Flaky/fails=0.1%/call=do"
	Flaky100Do      Scenario = "Flaky/fails=1%/call=do"
	Flaky4Do        Scenario = "Flaky/fails=25%/call=do"

	// RecordFailure. Each goroutine calls Reset after every 100 of its failures.
	Storm Scenario = "Storm/threshold=100/call=pair"

	// A half-open breaker. An admitted call lets others run before it reports.
	Herd Scenario = "Herd/probes=4/call=permit"

	// Five failures that trip, and a success that closes; with a hook that counts the transitions.
	Cycle     Scenario = "Cycle/hook=none/call=do"
	CycleHook Scenario = "Cycle/hook=counting/call=do"
)

// Subject is an implementation, or a limit: the least that any implementation could cost.
type Subject struct {
	Name  string
	Forms []Form // of a breaker
	Loops Loops  // those that belong to no form of call
	Rule  Rule   // for the tests of behavior
	Fleet Fleet  // nil: not measured in large numbers
}

// All returns every loop of the subject.
func (s Subject) All() Loops {
	all := []Loops{s.Loops}
	for _, form := range s.Forms {
		all = append(all, form.Loops)
	}
	return Merge(all...)
}

// Loops has a function for each scenario, which sets the scene and returns the loop over it.
type Loops map[Scenario]func() Loop

// Merge returns the union of loops that have no scenario in common.
func Merge(loops ...Loops) Loops {
	all := Loops{}
	for _, m := range loops {
		for s, set := range m {
			if all[s] != nil {
				panic("bench: two loops for " + string(s))
			}
			all[s] = set
		}
	}
	return all
}

// Form is a form of call: pair, permit or do.
type Form struct {
	Name  string
	Loops Loops
	New   func(Scene) Call
	Open  func() Call // of an open breaker
}

// Call makes one call that succeeds or fails, and reports whether the breaker admitted it. It is
// for tests. No loop contains it.
type Call func(ok bool) (admitted bool)

// Rule is the rule by which a breaker trips.
type Rule int

// The rules.
const (
	Consecutive Rule = iota + 1 // so many failures in a row
	Total                       // so many failures, whatever succeeds in between
	Share                       // a share of failures, which no scene configures
)

// The panic values of the loops.
const (
	UnexpectedReject = "bench: a call was rejected"
	UnexpectedAdmit  = "bench: a call was admitted"
	Failed           = "bench: a call failed"
)

// Faster returns the faster of two loops with the same code at two places in memory. A loop of a
// few instructions can take twice as long at one place as at another, and any change of the program
// may move it. The compiler aligns functions to 32 bytes, so there are two places in a cache line.
func Faster(a, b Loop) Loop {
	const calls, rounds = 10_000, 5
	best := func(l Loop) time.Duration {
		least := time.Duration(math.MaxInt64)
		for range rounds {
			start := time.Now()
			l(calls)
			least = min(least, time.Since(start))
		}
		return least
	}
	if best(b) < best(a) {
		return b
	}
	return a
}
