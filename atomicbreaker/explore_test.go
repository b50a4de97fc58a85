// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"fmt"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/explore"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// explorer runs programs on one breaker in every order of their accesses and judges each run.
type explorer struct {
	config     model.Config
	b          *Breaker
	s          *explore.Scheduler
	callers    []*caller
	out        outcome
	timed      *timers // nil: no timer runs, and the programs post the timers' events
	inHook     bool
	overlapped bool   // two deliveries overlapped
	heard      uint64 // a hash of out.received

	programs, interleavings int
	runs                    int             // the other interleavings reached a known state
	ends                    map[string]bool // the ends of the runs; nil: not kept
}

func newExplorer(c model.Config, threads int) *explorer {
	x := &explorer{config: c, s: explore.New(threads)}
	x.b = MustNew("explored", WithFailureThreshold(c.FailureThreshold), WithHalfOpenMaxCalls(c.HalfOpenMaxCalls),
		WithSuccessThreshold(c.SuccessThreshold), WithRecoveryTimeout(c.RecoveryTimeout),
		WithProbeTimeout(c.ProbeTimeout), WithOnTransition(x.hook))
	x.b.word.Before = x.s.Access
	x.s.Shared = x.shared
	for _, th := range x.s.Threads() {
		x.callers = append(x.callers, &caller{b: x.b, th: th})
	}
	return x
}

// hook is a switch point too: other threads can make transitions during a delivery.
func (x *explorer) hook(t Transition) {
	x.overlapped = x.overlapped || x.inHook
	x.inHook = true
	if th := x.s.Running(); th != nil {
		th.Ending() // a hook is called after the word has changed
	}
	if x.timed == nil { // with timers, only their state is explored
		x.s.Point()
	}
	x.inHook = false
	x.heard = explore.Mix(x.heard, hash(t))
	x.out.received = append(x.out.received, model.Transition{
		From: t.From.String(), To: t.To.String(), Generation: t.Generation, Cause: t.Cause.String(),
		Failures: t.Failures, Attempt: t.Attempt,
	})
}

// explore runs all interleavings of one program, which lists the operations of each thread. It
// returns the first interleaving that no order of the operations explains.
func (x *explorer) explore(start word.Word, program [][]operation) error {
	x.programs++
	x.s.Restart()
	runs := x.threads(program)
	for more := true; more; {
		futures, err := x.once(start, runs)
		if err != nil {
			return x.explain(err, start, program)
		}
		x.runs++
		x.interleavings += futures
		more = x.s.Next(futures)
	}
	return nil
}

// follow runs one interleaving. It picks threads by schedule, and the first one that can run after
// its end.
func (x *explorer) follow(start word.Word, program [][]operation, schedule []int) error {
	x.s.Follow(schedule)
	if _, err := x.once(start, x.threads(program)); err != nil {
		return x.explain(err, start, program)
	}
	return nil
}

func (x *explorer) threads(program [][]operation) []func() {
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

// once runs one interleaving and judges it, unless it reaches an end that was judged before.
func (x *explorer) once(start word.Word, runs []func()) (futures int, err error) {
	x.b.Start(start)
	x.out.threads, x.out.received, x.overlapped, x.heard = x.out.threads[:0], x.out.received[:0], false, 0
	for _, c := range x.callers {
		c.events = c.events[:0]
	}
	if x.timed != nil {
		x.timed.begin(start)
	}
	if futures, err = x.s.Run(runs); err != nil || futures > 1 {
		return futures, err
	}
	for _, c := range x.callers {
		x.out.threads = append(x.out.threads, c.events)
	}
	x.out.state = stateOf(x.b.Word())
	if x.ends != nil {
		x.ends[x.out.end()] = true
	}
	switch {
	case x.overlapped:
		return 0, fmt.Errorf("two deliveries overlapped")
	case !x.out.explains(x.config, stateOf(start)):
		return 0, fmt.Errorf("no order of the operations explains the run\nanswers: %s\nend: %+v\nreceived: %+v", x.out.answers(), x.out.state, x.out.received)
	}
	if x.timed != nil {
		if err = x.timed.wrong(&x.out); err != nil {
			return 0, fmt.Errorf("%w\nanswers: %s\nend: %+v\nreceived: %+v", err, x.out.answers(), x.out.state, x.out.received)
		}
	}
	return futures, nil
}

// shared returns the word, and a hash of everything else that the threads share: the publishing
// queue, the transitions that the hook received, and whether the hook is running.
func (x *explorer) shared() (word, rest uint64) {
	rest = explore.Mix(x.heard, x.b.syncHooks.hash())
	if x.inHook {
		rest = explore.Mix(rest, 1)
	}
	if x.overlapped {
		rest = explore.Mix(rest, 2)
	}
	return x.b.word.Value, x.mixTimers(rest)
}

// hash hashes the queue and the state of its deliverer.
func (h *hooks) hash() uint64 {
	all := explore.Mix(uint64(h.pending.Value)<<32|uint64(h.called)<<24|uint64(h.current.transition.Generation), 0)
	if h.tail.Value != h.head {
		all = explore.Mix(all, h.tail.Value.hash())
	}
	for d := h.head.next.Value; d != nil; d = d.next.Value {
		all = explore.Mix(all, d.hash())
	}
	var early uint64 // in any order
	for _, d := range h.early {
		early += d.hash()
	}
	return explore.Mix(all, early)
}

// hash distinguishes the deliveries of one queue. The initial delivery belongs to no breaker.
func (d *delivery) hash() uint64 {
	return explore.Mix(hash(d.transition), uint64(len(d.transition.Name)))
}

func hash(t Transition) uint64 {
	h := explore.Mix(uint64(t.From)<<32|uint64(t.To)<<24|uint64(t.Generation), 0)
	return explore.Mix(explore.Mix(h, uint64(t.Cause)), uint64(t.Failures)<<16|uint64(t.Attempt))
}

// answers lists what the calls of each thread returned, with the numbers of their first and last
// accesses.
func (o *outcome) answers() string {
	var s strings.Builder
	for i, events := range o.threads {
		for _, e := range events {
			fmt.Fprintf(&s, "\n  thread %d, %d to %d: %+v", i, e.first, e.last, e.answer)
		}
	}
	return s.String()
}

// end describes everything that the judge looks at: the answers, each with the number of calls that
// ended before it, and the final state.
func (o *outcome) end() string {
	var s strings.Builder
	for _, events := range o.threads {
		for _, e := range events {
			fmt.Fprintf(&s, "%+v after", e.answer)
			for _, others := range o.threads {
				n := 0
				for _, other := range others {
					if other.last < e.first {
						n++
					}
				}
				fmt.Fprintf(&s, " %d", n)
			}
			s.WriteByte(';')
		}
		s.WriteByte('/')
	}
	fmt.Fprintf(&s, "%+v %+v", o.state, o.received)
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

// configs are small, so that every limit is near. Each allows something that the others do not.
func configs() []model.Config {
	var all []model.Config
	for _, c := range [][3]int{{1, 1, 1}, {2, 1, 1}, {1, 2, 1}, {1, 1, 2}, {2, 2, 1}, {2, 1, 2}, {1, 2, 2}, {2, 2, 2}} {
		all = append(all, model.Config{
			FailureThreshold: c[0], HalfOpenMaxCalls: c[1], SuccessThreshold: c[2], RecoveryTimeout: time.Hour,
		})
	}
	return append(all, model.Config{FailureThreshold: 1, HalfOpenMaxCalls: 2, SuccessThreshold: 1}) // due at once
}

// words returns the words that c can reach, in generation base. Next compares two fields with
// nothing, so one visible value suffices for each: attempt is 1, and the failures that tripped the
// breaker are the threshold.
func words(c model.Config, base uint32) []word.Word {
	limit := uint32(c.FailureThreshold)
	all := []word.Word{
		word.Pack(word.Fields{Phase: word.ForcedOpen, Generation: base, Attempt: 1}), word.Pack(word.Fields{Phase: word.ForcedClosed, Generation: base, Attempt: 1}),
		word.Pack(word.Fields{Phase: word.Cooling, Generation: base, Attempt: 1, Failures: limit}), word.Pack(word.Fields{Phase: word.Due, Generation: base, Attempt: 1, Failures: limit}),
	}
	for failures := range limit {
		all = append(all, word.Pack(word.Fields{Generation: base, Attempt: 1, Failures: failures}))
	}
	for calls := range uint32(c.HalfOpenMaxCalls) + 1 {
		for successes := range uint32(c.SuccessThreshold) {
			all = append(all, word.Pack(word.Fields{Phase: word.HalfOpen, Generation: base, Attempt: 1, Failures: limit, Calls: calls, Successes: successes}))
		}
	}
	return all
}
