// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"fmt"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// State is what a breaker is to its callers.
type State uint8

// The five states.
const (
	Closed       State = iota // calls are admitted, failures counted
	Open                      // calls are turned away; once the recovery timeout is over, the next one becomes a probe
	HalfOpen                  // a bounded number of probes is admitted, all other calls are turned away
	ForcedOpen                // calls are turned away until Reset or ForceClosed
	ForcedClosed              // calls are admitted and their outcomes ignored until Reset or ForceOpen
)

var stateNames = [...]string{"closed", "open", "half_open", "forced_open", "forced_closed"}

// String returns "closed", "open", "half_open", "forced_open" or "forced_closed".
func (s State) String() string { return nameOf("State", stateNames[:], s) }

// MarshalText implements [encoding.TextMarshaler] with the name that String returns. A value that is none of the five
// is an error.
func (s State) MarshalText() ([]byte, error) { return marshalName("State", stateNames[:], s) }

// UnmarshalText implements [encoding.TextUnmarshaler]: it takes the names that String returns, and leaves s alone at
// any other.
func (s *State) UnmarshalText(text []byte) error {
	return unmarshalName("state", stateNames[:], text, s)
}

// states maps a phase to its public state. The last two phases are reached by nothing; they admit nobody, so they are
// called what turns everybody away until Reset.
var states = [...]State{
	word.Closed: Closed, word.Cooling: Open, word.Due: Open, word.HalfOpen: HalfOpen,
	word.ForcedOpen: ForcedOpen, word.ForcedClosed: ForcedClosed,
	6: ForcedOpen, 7: ForcedOpen,
}

// State returns the state at one instant of the call. An open breaker stays open until a caller asks
// for admission, even after its recovery timeout; [Snapshot.ProbeDue] reports that.
func (b *Breaker) State() State { return states[b.load().Phase()] }

// Cause is why a transition happened.
type Cause uint8

// The eight causes.
const (
	CauseFailureThreshold Cause = iota // closed → open: the failures reached the threshold
	CauseProbeAdmitted                 // open → half-open: the recovery timeout was over and a caller asked
	CauseProbeSucceeded                // half-open → closed: the probes' successes reached the success threshold
	CauseProbeFailed                   // half-open → open: a probe failed
	CauseProbeTimedOut                 // half-open → open: the probes did not answer within the probe timeout
	CauseTripped                       // closed, half-open or open → open: Trip, TripFor, or an error that names a time
	CauseReset                         // any other state → closed: Reset
	CauseForced                        // any other state → forced-open or forced-closed: ForceOpen or ForceClosed
)

var causeNames = [...]string{
	"failure_threshold", "probe_admitted", "probe_succeeded", "probe_failed", "probe_timed_out", "tripped", "reset", "forced",
}

// String returns the cause in the form of State's names, such as "failure_threshold" or "probe_timed_out".
func (c Cause) String() string { return nameOf("Cause", causeNames[:], c) }

// MarshalText implements [encoding.TextMarshaler] with the name that String returns. It rejects a
// value that is none of the eight.
func (c Cause) MarshalText() ([]byte, error) { return marshalName("Cause", causeNames[:], c) }

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts the names that String returns, and
// leaves c alone at any other.
func (c *Cause) UnmarshalText(text []byte) error {
	return unmarshalName("cause", causeNames[:], text, c)
}

// causeOf says why event e led from the phase it met to another state.
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
	default: // ForceOpen, ForceClosed; the other two change no state
		return CauseForced
	}
}

// Transition is one change of a breaker's state, as hooks and subscribers get it. The counts are
// those after the change.
type Transition struct {
	Name       string    // the breaker's
	From, To   State     // both Open when TripFor, or an error that names a time, started a new open period
	Generation uint32    // one more than the transition before, modulo 2^24
	Cause      Cause     // why
	Failures   int       // failures counted; when the breaker opens, those that tripped it
	Attempt    int       // recoveries that did not last since the sink was last stable, at most 31
	At         time.Time // when it was made; that of the next transition may be a moment earlier
	Err        error     // the error whose report made it, nil where there was none
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

// Snapshot is a breaker at one instant: all fields come from one load, so they belong together. It is history by the
// time the caller reads it.
type Snapshot struct {
	State             State
	ProbeDue          bool   // open, and the recovery timeout is over: the next call is a probe
	Generation        uint32 // transitions so far, modulo 2^24
	Attempt           int    // recoveries that did not last since the breaker was last stable, at most 31
	Failures          int    // failures counted while closed, or what tripped it; under a failure rate rounded up
	HalfOpenCalls     int    // probes in flight, 0 unless half-open
	HalfOpenSuccesses int    // probes that succeeded in this half-open period, 0 unless half-open
}

// Snapshot returns everything that the breaker has counted, at one instant of the call.
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

// failures undoes the weight of a failure; what a success has taken away in part still counts as one.
func (b *Breaker) failures(w word.Word) int {
	weight := b.params.FailureWeight
	return int((w.Failures() + weight - 1) / weight)
}

// The names of the values of State, Cause and Outcome, which are indices into a list of names.

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
