// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"
	"strings"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// Step is one instruction of a program. It holds what is fixed before the run. What depends on the
// race (the generation a timer fires for, whether there is a permit to report) is decided when the
// step is performed.
type Step struct {
	Op Kind `json:"op"`

	// Alias selects the operation's other name: Report for Success, Failure and Cancel, TripFor
	// with no time for Trip, Call for Do.
	Alias bool `json:"alias,omitempty"`

	// Permit selects one of the goroutine's permits, counted back from the newest, modulo their
	// number.
	Permit int `json:"permit,omitempty"`

	// Offset is what Elapsed adds to the breaker's current generation.
	Offset int `json:"offset,omitempty"`

	// Successes is the number of successes with which the timer of Elapsed was armed; -1 stands for
	// the breaker's current number.
	Successes int `json:"successes,omitempty"`

	// End is how the function that Do guards ends, and Body what it does before.
	End  End    `json:"end,omitempty"`
	Body []Step `json:"body,omitempty"`
}

// End is how a guarded function ends.
type End string

// The ends of a guarded function.
const (
	Returns         End = ""                  // no error
	Fails           End = "fails"             // an error
	FailsRetryAfter End = "fails_retry_after" // an error with a time to wait
	Ignored         End = "ignore"            // an error that says nothing about the sink
	Panics          End = "panics"
)

// Program lists what several goroutines do to one breaker at the same time.
type Program struct {
	Config model.Config
	Start  model.State

	// Permits are the generations of the permits that each goroutine holds at the start, relative
	// to that of Start.
	Permits []int
	Threads [][]Step
}

func (s Step) String() string {
	text := s.Op.String()
	if s.Alias {
		text += " (alias)"
	}
	switch s.Op { //nolint:exhaustive // the others take no argument
	case Success, Failure, FailureRetryAfter, Cancel:
		text += fmt.Sprintf(" permit -%d", s.Permit+1)
	case Elapsed:
		text += fmt.Sprintf(" generation %+d, successes %d", s.Offset, s.Successes)
	case Do:
		text += fmt.Sprintf(" {%s} %s", join(s.Body), s.End)
	}
	return text
}

func join(steps []Step) string {
	texts := make([]string, len(steps))
	for i, s := range steps {
		texts[i] = s.String()
	}
	return strings.Join(texts, "; ")
}

// String lists the program, one line for each goroutine.
func (p *Program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "configuration %+v\nstart %s, permits of generations %+d\n", p.Config, describeState(p.Start), p.Permits)
	for i, steps := range p.Threads {
		fmt.Fprintf(&b, "goroutine %d: %s\n", i, join(steps))
	}
	return b.String()
}

// Smaller yields the programs that have one goroutine or one step less, starting with the largest
// reduction. The steps of a guarded function count, and so does the call around it, whose removal
// keeps the function's steps.
func (p *Program) Smaller(yield func(*Program) bool) {
	if len(p.Threads) > 1 {
		for i := range p.Threads {
			q := *p
			q.Threads = without(p.Threads, i, nil)
			if !yield(&q) {
				return
			}
		}
	}
	for i, steps := range p.Threads {
		for fewer := range fewerSteps(steps) {
			q := *p
			q.Threads = without(p.Threads, i, [][]Step{fewer})
			if !yield(&q) {
				return
			}
		}
	}
}

func fewerSteps(steps []Step) func(yield func([]Step) bool) {
	return func(yield func([]Step) bool) {
		for i, s := range steps {
			if !yield(without(steps, i, s.Body)) {
				return
			}
			for body := range fewerSteps(s.Body) {
				t := s
				t.Body = body
				if !yield(without(steps, i, []Step{t})) {
					return
				}
			}
		}
	}
}

// without returns a copy of list with element i replaced by others.
func without[T any](list []T, i int, others []T) []T {
	kept := make([]T, 0, len(list)+len(others))
	kept = append(kept, list[:i]...)
	kept = append(kept, others...)
	return append(kept, list[i+1:]...)
}
