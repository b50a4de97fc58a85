// SPDX-License-Identifier: Apache-2.0

package history

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// The two ways not to be accepted. Undecided is no excuse: a test fails on either.
var (
	ErrRefused   = errors.New("history: refused")
	ErrUndecided = errors.New("history: undecided, the search took too long")
)

// Judge accepts a history, by returning nil, if there is an order of its operations in which
//
//   - an operation that returned before another was called comes before it,
//   - the reference model, going through them one by one, gives every answer that was given,
//   - each of its transitions is what the hook was told, and the hook was told nothing else, and
//   - it ends in the final word.
//
// A history has no clock, so whether an open period is extended is left open; deadline.go says what that covers.
//
// The error explains itself with the history, and with the longest order that could be found.
func Judge(h *History, timeout time.Duration) error {
	if err := h.Check(); err != nil {
		return err
	}
	if err := h.checkTold(); err != nil {
		return fmt.Errorf("%w: %w\n%v", ErrRefused, err, h)
	}
	input := h.input()
	switch porcupine.CheckOperationsTimeout(h.specification(true), input, timeout) {
	case porcupine.Ok:
		return nil
	case porcupine.Illegal:
		return fmt.Errorf("%w: %s\n%v", ErrRefused, h.explain(input, timeout), h)
	default:
		return fmt.Errorf("%w: %v\n%v", ErrUndecided, timeout, h)
	}
}

// checkTold compares what the hook was told with the generations alone: each once, in order, none missing up to the
// final word. That they tell of the right changes is for the search to find out.
func (h *History) checkTold() error {
	for i, t := range h.Told {
		if h.since(t.Generation) != i+1 {
			return fmt.Errorf("transition %d of %d was told with generation %d: want %d",
				i+1, len(h.Told), t.Generation, (h.Start.Generation+uint32(i)+1)&maxGeneration)
		}
	}
	if made := h.since(h.Final.Generation); made != len(h.Told) {
		return fmt.Errorf("%d transitions were made (generation %d to %d) and %d were told",
			made, h.Start.Generation, h.Final.Generation, len(h.Told))
	}
	return nil
}

// input is the history as porcupine wants it, with the final word as one more operation after all others.
func (h *History) input() []porcupine.Operation {
	end := int64(0)
	all := h.inCallOrder()
	operations := make([]porcupine.Operation, 0, len(all)+1)
	for _, o := range all {
		end = max(end, o.Return+1)
		operations = append(operations, porcupine.Operation{ClientId: o.Thread, Input: o, Call: o.Call, Return: o.Return})
	}
	final := &Operation{Kind: Word, State: h.Final, Call: end, Return: end}
	return append(operations, porcupine.Operation{Input: final, Call: end, Return: end})
}

// state is what the search carries along: the breaker, and in which generation the call through Do that each goroutine
// is in was admitted, which Do tells nobody.
type state struct {
	breaker model.State
	doing   [MaxThreads]uint32
}

func (h *History) specification(told bool) porcupine.Model {
	choices := porcupine.NondeterministicModel{
		Init: func() []any { return []any{state{breaker: h.Start}} },
		Step: func(before, input, _ any) []any {
			return h.step(before.(state), input.(*Operation), told)
		},
		DescribeState: func(s any) string { return describeState(s.(state).breaker) },
	}
	return choices.ToModel()
}

// step lets the model do what o did and returns the states that this can lead to: none if the model gives another answer.
func (h *History) step(s state, o *Operation, told bool) []any {
	after := make([]any, 0, 1)
	for _, m := range h.models(s, o) {
		next := s
		if next.answer(m, o, h.Config) && (!told || h.published(m.Transitions())) {
			next.breaker = m.State()
			after = append(after, next)
		}
	}
	return after
}

// published reports whether the hook received these transitions.
func (h *History) published(made []model.Transition) bool {
	for _, t := range made {
		if i := h.since(t.Generation) - 1; i < 0 || i >= len(h.Told) || h.Told[i] != t {
			return false
		}
	}
	return true
}

// answer is o on the model m.
func (s *state) answer(m *model.Model, o *Operation, c model.Config) bool {
	switch o.Kind {
	case Allow:
		_, v := m.Admit()
		return o.OK == (v == model.Admitted)
	case TryAcquire:
		given, v := m.Admit()
		return o.OK == (v == model.Admitted) && o.Given == given
	case Success:
		report(m.Success, o)
	case Failure:
		report(m.Failure, o)
	case FailureRetryAfter:
		report(retryLater(m), o)
	case Cancel:
		report(m.Cancel, o)
	case DoAdmit:
		given, v := m.Admit()
		if v == model.Admitted {
			s.doing[o.Thread] = given
		}
		return o.Verdict == v
	case DoSuccess:
		m.Success(s.done(o.Thread))
	case DoFailure:
		m.Failure(s.done(o.Thread))
	case DoFailureRetryAfter:
		retryLater(m)(s.done(o.Thread))
	case DoCancel:
		m.Cancel(s.done(o.Thread))
	case RecordSuccess:
		m.RecordSuccess()
	case RecordFailure:
		m.RecordFailure()
	case Elapsed:
		m.Elapsed(o.Generation, o.Successes)
	case Trip:
		m.Trip()
	case TripFor:
		m.TripFor(anyWait)
	case Reset:
		m.Reset()
	case ForceOpen:
		m.ForceOpen()
	case ForceClosed:
		m.ForceClosed()
	case State:
		return o.Public == m.State().Phase.Public()
	case Snapshot:
		return o.State == rounded(m.State(), c)
	case RetryAfter:
		// An opening whose timer has not started yet is answered with the recovery timeout, which may be 0.
		cooling := m.State().Phase == model.Cooling
		return o.OK == cooling || cooling && c.RecoveryTimeout == 0
	case Word:
		return o.State == m.State()
	default:
		panic(fmt.Sprintf("history: %v cannot be judged", o.Kind))
	}
	return true
}

func report(through func(uint32), o *Operation) {
	if !o.Spent {
		through(o.Generation)
	}
}

// done ends the call through Do that a goroutine is in. Forgetting its generation lets the search see that two ways to
// the same breaker are one.
func (s *state) done(thread int) uint32 {
	generation := s.doing[thread]
	s.doing[thread] = 0
	return generation
}

// rounded is what Snapshot makes of a weighted count: a number of failures, rounded up.
func rounded(s model.State, c model.Config) model.State {
	if c.FailureWeight > 0 {
		s.Failures = (s.Failures + c.FailureWeight - 1) / c.FailureWeight
	}
	return s
}

// explain says how far the search came, and whether it is the answers or what was told that cannot be.
func (h *History) explain(input []porcupine.Operation, timeout time.Duration) string {
	var b strings.Builder
	if porcupine.CheckOperationsTimeout(h.specification(false), input, timeout) == porcupine.Ok {
		b.WriteString("the answers fit the model in some order, but not with what the hook was told\n")
	} else {
		b.WriteString("no order of the operations fits the model\n")
	}
	specification := h.specification(true)
	_, info := porcupine.CheckOperationsVerbose(specification, input, timeout)
	var longest []porcupine.Operation
	for _, orders := range info.PartialLinearizationsOperations() {
		for _, order := range orders {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	b.WriteString("the longest order that does, with the state after each:\n")
	s := specification.Init()
	placed := make(map[*Operation]bool)
	for _, p := range longest {
		o := p.Input.(*Operation)
		placed[o] = true
		_, s = specification.Step(s, o, nil)
		fmt.Fprintf(&b, "%s\n%21s-> %s\n", o.line(), "", specification.DescribeState(s))
	}
	b.WriteString("left over:\n")
	for _, p := range input {
		if o := p.Input.(*Operation); !placed[o] {
			fmt.Fprintln(&b, o.line())
		}
	}
	return b.String()
}
