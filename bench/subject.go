// SPDX-License-Identifier: Apache-2.0

// Package bench holds the loops that benchmarks and ratios time: for every scenario one body,
// written for each implementation as its user would write it.
//
// The bodies are separate code for each implementation, because code shared between types costs
// more than what is measured. A generic body turns the healthy pair, 0.5 ns in a plain loop, into
// 2.6 ns, because the methods of a type parameter are called through a dictionary and are not
// inlined. So each body is written once, for atomic, and go generate copies it for the others; a
// test compares them. atomic.go has the calls that report without a permit, atomic_permit.go those
// in two steps, and atomic_do.go those that take a function. A breaker with other method names gets
// a file of its own, with one-line methods that the compiler inlines, such as gobreaker.go.
//
// The functions that make a loop are marked noinline. Otherwise the compiler would inline them into
// the package's init, which is so large that nothing else is inlined there, and the healthy pair
// would become four times as slow.
package bench

//go:generate go run ./copies

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

	Reject         Scenario = "Rejecting/state=open/call=pair" // while the recovery timeout runs
	RejectPermit   Scenario = "Rejecting/state=open/call=permit"
	RejectDo       Scenario = "Rejecting/state=open/call=do"
	RejectHalfOpen Scenario = "Rejecting/state=half_open/call=pair" // while the one probe is in flight

	Flaky1000       Scenario = "Flaky/fails=0.1%/call=pair" // no failure trips
	Flaky100        Scenario = "Flaky/fails=1%/call=pair"
	Flaky4          Scenario = "Flaky/fails=25%/call=pair"
	Flaky1000Permit Scenario = "Flaky/fails=0.1%/call=permit"
	Flaky100Permit  Scenario = "Flaky/fails=1%/call=permit"
	Flaky4Permit    Scenario = "Flaky/fails=25%/call=permit"
	Flaky1000Do     Scenario = "Flaky/fails=0.1%/call=do"
	Flaky100Do      Scenario = "Flaky/fails=1%/call=do"
	Flaky4Do        Scenario = "Flaky/fails=25%/call=do"

	Storm     Scenario = "Storm/threshold=100/call=pair" // RecordFailure; after every 100 of a goroutine's, Reset
	Herd      Scenario = "Herd/probes=4/call=permit"     // at the half-open edge: asks and, if admitted, lets others run and reports
	Cycle     Scenario = "Cycle/hook=none/call=do"       // five failures that trip, and a success that closes
	CycleHook Scenario = "Cycle/hook=counting/call=do"   // the same with a hook that counts the transitions
)

// Subject is an implementation, or a limit: the least that any implementation could cost.
type Subject struct {
	Name  string
	Loops map[Scenario]func() Loop // each sets the scene and returns the loop over it
}

// Subjects lists all subjects, in the order of the tables: ours, the controls, the rivals, the
// limits.
var Subjects = []Subject{
	ours, timerSubject, adapterSubject, handlerSubject, mutexGuarded, rwmutexSubject, unpackedSubject,
	gobreakerSubject, failsafeSubject, eapacheSubject, rubyistSubject, gozeroSubject, hystrixSubject, handySubject,
	loadSubject, handSubject, clockSubject, bareSubject, unsafeSubject, permitSubject,
	batcherSubject, bufioSubject, paceSubject, plainSubject, handoffSubject,
}

// New prepares a scenario for an implementation and returns its loop, or nil if there is none.
func New(s Scenario, impl string) Loop {
	for _, subject := range Subjects {
		if set := subject.Loops[s]; subject.Name == impl && set != nil {
			return set()
		}
	}
	return nil
}

// merge returns the union of maps that have no scenario in common.
func merge(maps ...map[Scenario]func() Loop) map[Scenario]func() Loop {
	all := map[Scenario]func() Loop{}
	for _, m := range maps {
		for s, set := range m {
			if all[s] != nil {
				panic("bench: two bodies for " + string(s))
			}
			all[s] = set
		}
	}
	return all
}

// The panic values of the loops.
const (
	unexpectedReject = "bench: a call was rejected"
	unexpectedAdmit  = "bench: a call was admitted"
	failed           = "bench: a call failed"
)
