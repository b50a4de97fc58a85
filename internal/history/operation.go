// SPDX-License-Identifier: Apache-2.0

// Package history decides whether what concurrent callers saw of a circuit breaker can be explained by one caller after
// the other: it runs programs on goroutines that really race, records who was told what and when, and asks porcupine for
// an order that the reference model in internal/model would have answered the same way.
//
// It knows the breaker by its operations alone, not by its code: a test supplies the function that performs a [Step].
package history

import (
	"fmt"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// Kind names an operation. Do is two of them, because a call through Do takes effect twice, at the admission and at the
// report, with the guarded function in between: judged as one, it would have to hold the breaker still meanwhile, which
// it does not. So it is recorded as DoAdmit, from the call to the start of the function, and as one of DoSuccess,
// DoFailure, DoFailureRetryAfter and DoCancel, from the end of the function to the return. Between the two the goroutine may do other
// things, and each half has the shortest interval that is certain to hold its instant.
type Kind uint8

// The operations. Do stands in programs only, Word only in the final position of a history.
const (
	Allow Kind = iota
	TryAcquire
	Success // the four reports through a permit
	Failure
	FailureRetryAfter // an error that says how long to wait
	Cancel
	Do
	DoAdmit
	DoSuccess
	DoFailure // also a panic in the guarded function
	DoFailureRetryAfter
	DoCancel
	RecordSuccess
	RecordFailure
	Elapsed // a timer fired
	Trip
	TripFor
	Reset
	ForceOpen
	ForceClosed
	State
	Snapshot
	RetryAfter
	Word // the whole word, when everybody has returned
)

var kinds = [...]string{
	"allow", "try_acquire", "success", "failure", "failure_retry_after", "cancel", "do", "do_admit", "do_success",
	"do_failure", "do_failure_retry_after", "do_cancel", "record_success", "record_failure", "elapsed", "trip", "trip_for",
	"reset", "force_open", "force_closed", "state", "snapshot", "retry_after", "word",
}

// String returns the name that stands in golden files, such as "try_acquire".
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// MarshalText implements [encoding.TextMarshaler].
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kinds {
		if string(text) == name {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("history: unknown operation %q: want one of %q", text, kinds)
}

// MaxThreads is the number of goroutines that a history may have. The judge's state has a place for each.
const MaxThreads = 4

// Operation is one call that has returned: what was asked, what was answered, and an interval that holds the instant at
// which it took effect. Operations of different goroutines whose intervals touch may have happened in either order.
type Operation struct {
	Thread       int
	Call, Return int64 // nanoseconds since the epoch of the run

	Kind Kind

	// What was asked.
	Generation uint32 // of the permit, or what the timer was armed with
	Successes  int    // the other half of what the timer was armed with
	Spent      bool   // the permit had been reported before

	// What was answered.
	OK      bool          // Allow, TryAcquire: admitted; RetryAfter: there is time left
	Given   uint32        // TryAcquire: the permit's generation
	Verdict model.Verdict // DoAdmit
	Public  string        // State
	State   model.State   // Word; and Snapshot, whose Failures are a number of failures also where they are weighted
}

// Describe says in one line what was called and what it answered.
func (o *Operation) Describe() string {
	switch o.Kind {
	case Allow:
		return fmt.Sprintf("%v = %v", o.Kind, o.OK)
	case TryAcquire:
		if !o.OK {
			return fmt.Sprintf("%v = false", o.Kind)
		}
		return fmt.Sprintf("%v = permit of generation %d", o.Kind, o.Given)
	case Success, Failure, FailureRetryAfter, Cancel:
		if o.Spent {
			return fmt.Sprintf("%v of a spent permit", o.Kind)
		}
		return fmt.Sprintf("%v of generation %d", o.Kind, o.Generation)
	case DoAdmit:
		return fmt.Sprintf("%v = %v", o.Kind, o.Verdict)
	case Elapsed:
		return fmt.Sprintf("%v of generation %d, successes %d", o.Kind, o.Generation, o.Successes)
	case State:
		return fmt.Sprintf("%v = %s", o.Kind, o.Public)
	case Snapshot, Word:
		return fmt.Sprintf("%v = %s", o.Kind, describeState(o.State))
	case RetryAfter:
		return fmt.Sprintf("%v > 0 is %v", o.Kind, o.OK)
	default: // the others ask for nothing more and answer nothing
		return o.Kind.String()
	}
}

func describeState(s model.State) string {
	return fmt.Sprintf("%v, generation %d, attempt %d, failures %d, calls %d, successes %d",
		s.Phase, s.Generation, s.Attempt, s.Failures, s.Calls, s.Successes)
}
