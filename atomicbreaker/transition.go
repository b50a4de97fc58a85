// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"fmt"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// State is the state of a breaker.
type State uint8

// The five states.
const (
	Closed       State = iota // calls are admitted, failures counted
	Open                      // calls are rejected; after the recovery timeout the next one is a probe
	HalfOpen                  // a bounded number of probes is admitted, all other calls are rejected
	ForcedOpen                // calls are rejected until Reset or ForceClosed
	ForcedClosed              // calls are admitted and their outcomes ignored until Reset or ForceOpen
)

var stateNames = [...]string{"closed", "open", "half_open", "forced_open", "forced_closed"}

// String returns "closed", "open", "half_open", "forced_open" or "forced_closed".
func (s State) String() string { return nameOf("State", stateNames[:], s) }

// MarshalText implements [encoding.TextMarshaler] with the name that String returns. It rejects a
// value that is none of the five.
func (s State) MarshalText() ([]byte, error) { return marshalName("State", stateNames[:], s) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts the names that String returns,
// and leaves s unchanged for any other text.
func (s *State) UnmarshalText(text []byte) error {
	return unmarshalName("state", stateNames[:], text, s)
}

// states maps a phase to its public state. Phases 6 and 7 are unreachable. They would reject every
// call until Reset, as a forced-open breaker does.
var states = [...]State{
	word.Closed: Closed, word.Cooling: Open, word.Due: Open, word.HalfOpen: HalfOpen,
	word.ForcedOpen: ForcedOpen, word.ForcedClosed: ForcedClosed,
	6: ForcedOpen, 7: ForcedOpen,
}

// State returns the state at one instant of the call. An open breaker stays open until the next
// call, even after its recovery timeout; [Snapshot.ProbeDue] reports whether that timeout is over.
func (b *Breaker) State() State { return states[b.load().Phase()] }

// Cause is the reason of a transition.
type Cause uint8

// The eight causes.
const (
	CauseFailureThreshold Cause = iota // closed → open: the failures reached the threshold
	CauseProbeAdmitted                 // open → half-open: a call was admitted as a probe
	CauseProbeSucceeded                // half-open → closed: the probes' successes reached the success threshold
	CauseProbeFailed                   // half-open → open: a probe failed
	CauseProbeTimedOut                 // half-open → open: the probes did not report within the probe timeout
	CauseTripped                       // closed, half-open or open → open: Trip, TripFor, or an error with a retry time
	CauseReset                         // any other state → closed: Reset
	CauseForced                        // any other state → forced-open or forced-closed: ForceOpen or ForceClosed
)

var causeNames = [...]string{
	"failure_threshold", "probe_admitted", "probe_succeeded", "probe_failed", "probe_timed_out",
	"tripped", "reset", "forced",
}

// String returns the cause in the form of State's names, such as "failure_threshold".
func (c Cause) String() string { return nameOf("Cause", causeNames[:], c) }

// MarshalText implements [encoding.TextMarshaler] with the name that String returns. It rejects a
// value that is none of the eight.
func (c Cause) MarshalText() ([]byte, error) { return marshalName("Cause", causeNames[:], c) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts the names that String returns,
// and leaves c unchanged for any other text.
func (c *Cause) UnmarshalText(text []byte) error {
	return unmarshalName("cause", causeNames[:], text, c)
}

// causeOf returns the cause of the transition that e makes from a phase.
func causeOf(from word.Phase, e word.Kind) Cause {
	switch e {
	case word.Allow:
		return CauseProbeAdmitted
	case word.Success:
		return CauseProbeSucceeded
	case word.Failure:
		if from == word.Closed {
			return CauseFailureThreshold
		}
		return CauseProbeFailed
	case word.Elapsed:
		return CauseProbeTimedOut
	case word.Trip, word.TripFor, word.RetryAfter:
		return CauseTripped
	case word.Reset:
		return CauseReset
	default: // ForceOpen, ForceClosed; Cancel makes no transition
		return CauseForced
	}
}

// Transition describes one change of a breaker's state. Hooks and subscriptions are called with it.
// The counts are those after the change.
type Transition struct {
	Name       string    // the breaker's
	From, To   State     // both Open if TripFor, or an error with a retry time, began a new open period
	Generation uint32    // one more than that of the previous transition, modulo 2^24
	Cause      Cause     // the reason
	Failures   int       // failures counted; if the breaker opens, those that tripped it
	Attempt    int       // recoveries that did not last (see WithBackoff), 0..31
	At         time.Time // when it was made; may be slightly later than At of the next transition
	Err        error     // the error that was reported, or nil
}

func (b *Breaker) transition(old, next word.Word, e word.Kind, err error) Transition {
	return Transition{
		Name:       b.name,
		From:       states[old.Phase()],
		To:         states[next.Phase()],
		Generation: next.Generation(),
		Cause:      causeOf(old.Phase(), e),
		Failures:   b.failures(next),
		Attempt:    int(next.Attempt()),
		At:         b.clock.now(),
		Err:        err,
	}
}

// Snapshot is the state of a breaker at one instant: all fields come from one load. The breaker may
// have changed by the time the caller reads them.
type Snapshot struct {
	State             State
	ProbeDue          bool   // open, and the recovery timeout is over, so the next call is a probe
	Generation        uint32 // transitions so far, modulo 2^24
	Attempt           int    // recoveries that did not last (see WithBackoff), 0..31
	Failures          int    // failures counted while closed, or those that tripped it; rounded up with a failure rate
	HalfOpenCalls     int    // probes in flight, 0 unless half-open
	HalfOpenSuccesses int    // probes that succeeded in this half-open period, 0 unless half-open
}

// Snapshot returns the state and the counts of the breaker at one instant of the call.
func (b *Breaker) Snapshot() Snapshot {
	b.mustBeMade()
	return b.snapshot(b.load())
}

func (b *Breaker) snapshot(w word.Word) Snapshot {
	return Snapshot{
		State:             states[w.Phase()],
		ProbeDue:          w.Phase() == word.Due,
		Generation:        w.Generation(),
		Attempt:           int(w.Attempt()),
		Failures:          b.failures(w),
		HalfOpenCalls:     int(w.Calls()),
		HalfOpenSuccesses: int(w.Successes()),
	}
}

// failures divides by the weight of a failure and rounds up.
func (b *Breaker) failures(w word.Word) int {
	weight := b.params.FailureWeight
	return int((w.Failures() + weight - 1) / weight)
}

// The values of State, Cause and Outcome are indices into their lists of names.

func nameOf[T ~uint8](kind string, names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", kind, uint8(v))
}

func marshalName[T ~uint8](kind string, names []string, v T) ([]byte, error) {
	if int(v) < len(names) {
		return []byte(names[v]), nil
	}
	return nil, fmt.Errorf("atomicbreaker: %s(%d): want 0..%d", kind, uint8(v), len(names)-1)
}

func unmarshalName[T ~uint8](kind string, names []string, text []byte, v *T) error {
	for i, name := range names {
		if string(text) == name {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("atomicbreaker: unknown %s %q: want one of %q", kind, text, names)
}
