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

// A history that is not accepted is rejected or undecided. A test must fail in both cases.
var (
	ErrRejected  = errors.New("history: rejected")
	ErrUndecided = errors.New("history: undecided: the search took too long")
)

// Judge returns nil if it accepts the history, that is, if its operations have an order in which
//
//   - an operation that returned before another was called comes before it,
//   - the reference model, applied to them one by one, gives every answer of the history,
//   - the model's transitions are exactly those that the hook received, and
//   - the final state is that of the final word.
//
// A history has no clock, so whether an open period is extended is left open; deadline.go describes
// what that covers.
//
// The error contains the history and the longest order that was found.
func Judge(h *History, timeout time.Duration) error {
	if err := h.Check(); err != nil {
		return err
	}
	if err := h.checkReceived(); err != nil {
		return fmt.Errorf("%w: %w\n%v", ErrRejected, err, h)
	}
	input := h.input()
	switch porcupine.CheckOperationsTimeout(h.specification(true), input, timeout) {
	case porcupine.Ok:
		return nil
	case porcupine.Illegal:
		return fmt.Errorf("%w: %s\n%v", ErrRejected, h.explain(input, timeout), h)
	default:
		return fmt.Errorf("%w: %v\n%v", ErrUndecided, timeout, h)
	}
}

// checkReceived checks the generations of the transitions that the hook received: each once, in
// order, and none missing up to the final word. The search checks that they are the right
// transitions.
func (h *History) checkReceived() error {
	for i, t := range h.Received {
		if h.since(t.Generation) != i+1 {
			return fmt.Errorf("transition %d of %d was received with generation %d: want %d",
				i+1, len(h.Received), t.Generation, (h.Start.Generation+uint32(i)+1)&maxGeneration)
		}
	}
	if made := h.since(h.Final.Generation); made != len(h.Received) {
		return fmt.Errorf("%d transitions were made (generation %d to %d) and %d were received",
			made, h.Start.Generation, h.Final.Generation, len(h.Received))
	}
	return nil
}

// input converts the history for porcupine, with the final word as one more operation after all
// others.
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

// state is the state of the search: the breaker and, for each goroutine, the generation in which
// its running call through Do was admitted, which Do does not return.
type state struct {
	breaker model.State
	doing   [MaxThreads]uint32
}

func (h *History) specification(received bool) porcupine.Model {
	choices := porcupine.NondeterministicModel{
		Init: func() []any { return []any{state{breaker: h.Start}} },
		Step: func(before, input, _ any) []any {
			return h.step(before.(state), input.(*Operation), received)
		},
		DescribeState: func(s any) string { return describeState(s.(state).breaker) },
	}
	return choices.ToModel()
}

// step applies o to the model and returns the possible states after it, or none if the model gives
// another answer.
func (h *History) step(s state, o *Operation, received bool) []any {
	after := make([]any, 0, 1)
	for _, m := range h.models(s, o) {
		next := s
		if next.answer(m, o, h.Config) && (!received || h.published(m.Transitions())) {
			next.breaker = m.State()
			after = append(after, next)
		}
	}
	return after
}

// published reports whether the hook received these transitions.
func (h *History) published(made []model.Transition) bool {
	for _, t := range made {
		if i := h.since(t.Generation) - 1; i < 0 || i >= len(h.Received) || h.Received[i] != t {
			return false
		}
	}
	return true
}

// answer applies o to the model m and reports whether m gives the same answer.
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
		// A breaker that has opened and not yet started its timer answers with the recovery
		// timeout, which may be 0.
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

// done ends the running call through Do of a goroutine. It clears the generation, so that the
// search recognizes two paths to the same state.
func (s *state) done(thread int) uint32 {
	generation := s.doing[thread]
	s.doing[thread] = 0
	return generation
}

// rounded converts a weighted count as Snapshot does: to a number of failures, rounded up.
func rounded(s model.State, c model.Config) model.State {
	if c.FailureWeight > 0 {
		s.Failures = (s.Failures + c.FailureWeight - 1) / c.FailureWeight
	}
	return s
}

// explain describes how far the search came, and whether the answers or the received transitions do
// not fit.
func (h *History) explain(input []porcupine.Operation, timeout time.Duration) string {
	var b strings.Builder
	if porcupine.CheckOperationsTimeout(h.specification(false), input, timeout) == porcupine.Ok {
		b.WriteString("the answers fit the model in some order, but not with the received transitions\n")
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
	b.WriteString("the longest order that fits, with the state after each:\n")
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
