// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"fmt"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// explorer runs programs on one breaker in every order of their accesses and judges each run.
type explorer struct {
	config  model.Config
	b       *Breaker
	s       *scheduler
	callers []*caller
	out     outcome
	inHook  bool
	twice   bool // two deliveries at once

	programs, interleavings int
}

func newExplorer(c model.Config, threads int) *explorer {
	x := &explorer{config: c, s: newScheduler(threads)}
	x.b = MustNew("explored", WithFailureThreshold(c.FailureThreshold), WithHalfOpenMaxCalls(c.HalfOpenMaxCalls),
		WithSuccessThreshold(c.SuccessThreshold), WithRecoveryTimeout(c.RecoveryTimeout), WithOnTransition(x.hook))
	x.b.word.before = x.s.beforeWord
	for _, th := range x.s.threads {
		x.callers = append(x.callers, &caller{b: x.b, th: th})
	}
	return x
}

// hook is a switch point too: a delivery takes time, in which others make transitions.
func (x *explorer) hook(t Transition) {
	x.twice = x.twice || x.inHook
	x.inHook = true
	x.s.before()
	x.inHook = false
	x.out.told = append(x.out.told, model.Transition{
		From: t.From.String(), To: t.To.String(), Generation: t.Generation, Cause: t.Cause.String(),
		Failures: t.Failures, Attempt: t.Attempt,
	})
}

// explore runs all interleavings of one program, a list of operations for each thread, and returns the first that no
// order of its operations explains.
func (x *explorer) explore(start word.Word, program [][]operation) error {
	x.programs++
	x.s.choices = x.s.choices[:0]
	runs := x.runs(program)
	for more := true; more; more = x.s.next() {
		x.interleavings++
		if err := x.once(start, runs); err != nil {
			return x.explain(err, start, program)
		}
	}
	return nil
}

// follow runs the one interleaving that schedule tells, and the first thread first where it tells no more.
func (x *explorer) follow(start word.Word, program [][]operation, schedule []int) error {
	x.s.choices = x.s.choices[:0]
	for _, n := range schedule {
		x.s.choices = append(x.s.choices, choice{taken: n})
	}
	if err := x.once(start, x.runs(program)); err != nil {
		return x.explain(err, start, program)
	}
	return nil
}

func (x *explorer) runs(program [][]operation) []func() {
	runs := make([]func(), len(program))
	for i, ops := range program {
		c := x.callers[i]
		runs[i] = func() {
			for _, op := range ops {
				op.call(c)
			}
		}
	}
	return runs
}

func (x *explorer) explain(err error, start word.Word, program [][]operation) error {
	return fmt.Errorf("%w\nconfiguration: %+v\nstart: %+v\nprogram: %s\nschedule: %s",
		err, x.config, stateOf(start), describe(program), x.s)
}

// once runs one interleaving and judges it.
func (x *explorer) once(start word.Word, runs []func()) error {
	x.b.Start(start)
	x.out.threads, x.out.told, x.twice = x.out.threads[:0], x.out.told[:0], false
	for _, c := range x.callers {
		c.events, c.th.first, c.th.last = c.events[:0], 0, 0
	}
	if err := x.s.run(runs); err != nil {
		return err
	}
	for _, c := range x.callers[:len(runs)] {
		x.out.threads = append(x.out.threads, c.events)
	}
	x.out.state = stateOf(x.b.Word())
	switch {
	case x.twice:
		return fmt.Errorf("two deliveries at once")
	case !x.out.explains(x.config, stateOf(start)):
		return fmt.Errorf("no order explains it\nanswers: %s\nend: %+v\ntold: %+v", x.out.answers(), x.out.state, x.out.told)
	}
	return nil
}

// answers tells what the calls of each thread returned, with the numbers of their first and last accesses.
func (o *outcome) answers() string {
	var s strings.Builder
	for i, events := range o.threads {
		for _, e := range events {
			fmt.Fprintf(&s, "\n  thread %d, %d to %d: %+v", i, e.first, e.last, e.answer)
		}
	}
	return s.String()
}

func stateOf(w word.Word) model.State {
	return model.State{
		Phase: model.Phase(w.Phase()), Generation: w.Generation(), Attempt: int(w.Attempt()),
		Failures: int(w.Failures()), Calls: int(w.Calls()), Successes: int(w.Successes()),
	}
}

func describe(program [][]operation) string {
	var s strings.Builder
	for i, ops := range program {
		fmt.Fprintf(&s, "\n  thread %d:", i)
		for _, op := range ops {
			fmt.Fprintf(&s, " %s;", op.name)
		}
	}
	return s.String()
}

// configs are small, so that every limit is near; each differs from the others in what it lets happen.
func configs() []model.Config {
	var all []model.Config
	for _, c := range [][3]int{{1, 1, 1}, {2, 1, 1}, {1, 2, 1}, {1, 1, 2}, {2, 2, 1}, {2, 1, 2}, {1, 2, 2}, {2, 2, 2}} {
		all = append(all, model.Config{
			FailureThreshold: c[0], HalfOpenMaxCalls: c[1], SuccessThreshold: c[2], RecoveryTimeout: time.Hour,
		})
	}
	return append(all, model.Config{FailureThreshold: 1, HalfOpenMaxCalls: 2, SuccessThreshold: 1}) // due at once
}

// words are the words that c can reach, in generation base. Two fields that Next compares with nothing are left at what
// is seen to change: attempt is 1, and what tripped the breaker is the threshold.
func words(c model.Config, base uint32) []word.Word {
	limit := uint32(c.FailureThreshold)
	all := []word.Word{
		word.Make(word.ForcedOpen, base, 1, 0, 0, 0), word.Make(word.ForcedClosed, base, 1, 0, 0, 0),
		word.Make(word.Cooling, base, 1, limit, 0, 0), word.Make(word.Due, base, 1, limit, 0, 0),
	}
	for failures := range limit {
		all = append(all, word.Make(word.Closed, base, 1, failures, 0, 0))
	}
	for calls := range uint32(c.HalfOpenMaxCalls) + 1 {
		for successes := range uint32(c.SuccessThreshold) {
			all = append(all, word.Make(word.HalfOpen, base, 1, limit, calls, successes))
		}
	}
	return all
}
