// SPDX-License-Identifier: Apache-2.0

package history

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// History is the complete record of one run of a program.
type History struct {
	Why     string   // golden files: what is right or wrong in it
	Seed    uint64   // the program was drawn from it; 0: not drawn
	Program *Program // nil: made by hand

	Config     model.Config
	Start      model.State
	Operations []Operation
	Received   []model.Transition // by the hook, in that order
	Final      model.State        // the word after all calls had returned
}

// ErrMalformed reports an input that is not a history: no breaker, correct or not, could have
// produced it.
var ErrMalformed = errors.New("history: malformed")

// Check reports whether h can be judged: the operations of a goroutine do not overlap, and reports
// of Do follow its admissions. It keeps a mistake in a golden file, or in the recording, from
// passing for a broken breaker.
func (h *History) Check() error {
	var last [MaxThreads]int64
	var doing [MaxThreads]bool
	for i, o := range h.inCallOrder() {
		bad := func(format string, args ...any) error {
			return fmt.Errorf("%w: operation %d, %s: %s", ErrMalformed, i, o.Describe(), fmt.Sprintf(format, args...))
		}
		if o.Thread < 0 || o.Thread >= MaxThreads {
			return bad("goroutine %d: want 0..%d", o.Thread, MaxThreads-1)
		}
		if o.Call < 0 || o.Return < o.Call {
			return bad("returns at %d, called at %d", o.Return, o.Call)
		}
		if o.Call < last[o.Thread] {
			return bad("called at %d, but the call before it returned at %d", o.Call, last[o.Thread])
		}
		last[o.Thread] = o.Return
		switch o.Kind {
		case Do, Word:
			return bad("never recorded")
		case DoAdmit:
			doing[o.Thread] = doing[o.Thread] || o.Verdict == model.Admitted
		case DoSuccess, DoFailure, DoFailureRetryAfter, DoCancel:
			if !doing[o.Thread] {
				return bad("nothing was admitted")
			}
			doing[o.Thread] = false
		default: // may stand anywhere
		}
	}
	for _, s := range []model.State{h.Start, h.Final} {
		if s.Phase < model.Closed || s.Phase > model.Cooling || s.Generation > maxGeneration {
			return fmt.Errorf("%w: no breaker can be %s", ErrMalformed, describeState(s))
		}
	}
	return nil
}

// maxGeneration is the last generation before the wrap to 0.
const maxGeneration = 1<<24 - 1

// since returns the number of transitions from the start of h to a generation.
func (h *History) since(generation uint32) int {
	return int((generation - h.Start.Generation) & maxGeneration)
}

// inCallOrder sorts the operations by call, because a file may have them in any order.
func (h *History) inCallOrder() []*Operation {
	sorted := make([]*Operation, len(h.Operations))
	for i := range h.Operations {
		sorted[i] = &h.Operations[i]
	}
	slices.SortStableFunc(sorted, func(a, b *Operation) int { return int(min(1, max(-1, a.Call-b.Call))) })
	return sorted
}

// Overlaps counts the pairs of operations of different goroutines that overlap. A history without
// any is sequential, and proves nothing about concurrency.
func (h *History) Overlaps() int {
	pairs := 0
	sorted := h.inCallOrder()
	for i, a := range sorted {
		for _, b := range sorted[i+1:] {
			if b.Call >= a.Return {
				break
			}
			if a.Thread != b.Thread {
				pairs++
			}
		}
	}
	return pairs
}

// String describes the whole history, one line for each operation.
func (h *History) String() string {
	var b strings.Builder
	if h.Why != "" {
		fmt.Fprintf(&b, "%s\n", h.Why)
	}
	if h.Program != nil {
		if h.Seed != 0 {
			fmt.Fprintf(&b, "program, drawn from seed %d:\n", h.Seed)
		}
		fmt.Fprint(&b, h.Program)
	} else {
		fmt.Fprintf(&b, "configuration %+v\nstart %s\n", h.Config, describeState(h.Start))
	}
	for _, o := range h.inCallOrder() {
		fmt.Fprintln(&b, o.line())
	}
	for _, t := range h.Received {
		fmt.Fprintf(&b, "received %+v\n", t)
	}
	fmt.Fprintf(&b, "final %s\n", describeState(h.Final))
	return b.String()
}

// line indents by goroutine, so that the columns show which goroutines were active at the same
// time.
func (o *Operation) line() string {
	return fmt.Sprintf("%8d..%-8d %*s%d: %s", o.Call, o.Return, 4*o.Thread, "", o.Thread, o.Describe())
}
