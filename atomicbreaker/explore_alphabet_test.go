// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/explore"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// operation is one call of the public API, or a timer's event.
type operation struct {
	name string
	call func(x *caller)
}

// caller is one thread's view of the breaker: its calls and the answers it received.
type caller struct {
	b      *Breaker
	th     *explore.Thread
	events []event
}

// event is one linearization point (Do has two): the model's step, the breaker's answer, and the
// interval.
type event struct {
	model       judged
	answer      answer
	first, last int

	// either marks an event that may also change nothing while the model is cooling: whether a
	// TripFor extends an open period depends on a deadline, which is not part of the searched
	// state.
	either bool
	until  time.Time // an open breaker must not be due before; zero: any time
}

// judged applies an operation to the model and returns the model's answer. An admission stores its
// generation in seat, for the report that follows it in the same Do.
type judged func(m *model.Model, seat *uint32) answer

// answer holds everything that a call can return.
type answer struct {
	verdict    model.Verdict
	generation uint32
	snapshot   Snapshot
}

func (x *caller) answered(a answer, m judged) { x.add(event{model: m, answer: a}) }

func (x *caller) add(e event) {
	e.first, e.last = x.th.First, x.th.Last
	x.events = append(x.events, e)
	x.th.Returned()
}

// alphabet is the whole public API. Its permits and timers are of the generation base, in which a
// run starts, of the one before and of the one after. Elapsed also comes with one more success.
func alphabet(base uint32) []operation {
	ops := []operation{
		{"Allow", callAllow},
		{"TryAcquire", callTryAcquire},
		{"Snapshot", callSnapshot},
		simple("RecordSuccess", (*Breaker).RecordSuccess, (*model.Model).RecordSuccess),
		simple("RecordFailure", (*Breaker).RecordFailure, (*model.Model).RecordFailure),
		simple("Trip", (*Breaker).Trip, (*model.Model).Trip),
		tripFor("TripFor", tripForTime),
		simple("Reset", (*Breaker).Reset, (*model.Model).Reset),
		simple("ForceOpen", (*Breaker).ForceOpen, (*model.Model).ForceOpen),
		simple("ForceClosed", (*Breaker).ForceClosed, (*model.Model).ForceClosed),
		do("Do success", func() error { return nil }, (*model.Model).Success),
		do("Do failure", func() error { return errFailed }, (*model.Model).Failure),
		do("Do panic", func() error { panic(errFailed) }, (*model.Model).Failure),
		elapsedAt("Elapsed current, 1", base, 1),
	}
	for name, off := range map[string]uint32{" current": 0, " older": word.MaxGeneration, " newer": 1} {
		g := (base + off) & word.MaxGeneration
		ops = append(
			ops,
			report("Success"+name, g, (*Permit).Success, (*model.Model).Success),
			report("Failure"+name, g, (*Permit).Failure, (*model.Model).Failure),
			report("Cancel"+name, g, (*Permit).Cancel, (*model.Model).Cancel),
			retryAfter("RetryAfter"+name, g, tripForTime),
			elapsedAt("Elapsed"+name, g, 0),
		)
	}
	slices.SortFunc(ops, func(a, b operation) int { return strings.Compare(a.name, b.name) })
	return ops
}

var errFailed = errors.New("failed")

func callAllow(x *caller) {
	a := answer{}
	if !x.b.Allow() {
		a.verdict = model.RejectedOpen // Allow gives no reason
	}
	x.answered(a, func(m *model.Model, _ *uint32) answer {
		if _, v := m.Admit(); v != model.Admitted {
			return answer{verdict: model.RejectedOpen}
		}
		return answer{}
	})
}

func callTryAcquire(x *caller) {
	p, ok := x.b.TryAcquire()
	a := answer{generation: p.Generation()}
	if !ok {
		a.verdict = model.RejectedOpen
	}
	x.answered(a, func(m *model.Model, _ *uint32) answer {
		g, v := m.Admit()
		if v != model.Admitted {
			return answer{verdict: model.RejectedOpen}
		}
		return answer{generation: g}
	})
}

func callSnapshot(x *caller) {
	x.answered(answer{snapshot: x.b.Snapshot()}, func(m *model.Model, _ *uint32) answer {
		s := m.State()
		return answer{snapshot: Snapshot{
			State: states[s.Phase], ProbeDue: s.Phase == model.Due, Generation: s.Generation, Attempt: s.Attempt,
			Failures: s.Failures, HalfOpenCalls: s.Calls, HalfOpenSuccesses: s.Successes,
		}}
	})
}

// simple is an operation without an answer.
func simple(name string, call func(*Breaker), m func(*model.Model)) operation {
	j := func(x *model.Model, _ *uint32) answer {
		m(x)
		return answer{}
	}
	return operation{name, func(x *caller) {
		call(x.b)
		x.answered(answer{}, j)
	}}
}

func report(name string, generation uint32, call func(*Permit), m func(*model.Model, uint32)) operation {
	j := func(x *model.Model, _ *uint32) answer {
		m(x, generation)
		return answer{}
	}
	return operation{name, func(x *caller) {
		p := x.b.PermitOf(generation)
		call(&p)
		x.answered(answer{}, j)
	}}
}

// tripForTime is longer than any recovery timeout of the explored configurations.
const tripForTime = 2 * time.Hour

func tripFor(name string, d time.Duration) operation {
	return extending(name, func(b *Breaker) { b.TripFor(d) }, func(m *model.Model) { m.TripFor(d) }, d)
}

// retryAfter reports through a permit a failure that asks for a wait of d.
func retryAfter(name string, generation uint32, d time.Duration) operation {
	return extending(name, func(b *Breaker) {
		p := b.PermitOf(generation)
		p.reportRetryAfter(d, errFailed)
	}, func(m *model.Model) { m.FailureRetryAfter(generation, d) }, 0)
}

// extending is an operation that may extend an open period. A breaker that is open afterward must
// stay open for at least d.
func extending(name string, call func(*Breaker), m func(*model.Model), d time.Duration) operation {
	j := func(x *model.Model, _ *uint32) answer {
		m(x)
		return answer{}
	}
	return operation{name, func(x *caller) {
		e := event{model: j, either: true}
		if d > 0 {
			e.until = x.b.clock.now().Add(d)
		}
		call(x.b)
		x.add(e)
	}}
}

func elapsedAt(name string, generation uint32, successes int) operation {
	return simple(
		name,
		func(b *Breaker) { b.Elapsed(generation, successes) },
		func(m *model.Model) { m.Elapsed(generation, successes) },
	)
}

// do has two linearization points: the admission, with the reason of a rejection, and the report m.
func do(name string, f func() error, m func(*model.Model, uint32)) operation {
	admit := func(x *model.Model, seat *uint32) answer {
		g, v := x.Admit()
		*seat = g
		return answer{verdict: v}
	}
	report := func(x *model.Model, seat *uint32) answer {
		m(x, *seat)
		return answer{}
	}
	return operation{name, func(x *caller) {
		ran := false
		defer func() {
			if _ = recover(); ran {
				x.answered(answer{}, report)
			}
		}()
		err := x.b.Do(func() error {
			ran = true
			x.answered(answer{}, admit)
			return f()
		})
		switch {
		case ran:
		case errors.Is(err, ErrTooManyProbes):
			x.answered(answer{verdict: model.RejectedProbes}, admit)
		default:
			x.answered(answer{verdict: model.RejectedOpen}, admit)
		}
	}}
}
