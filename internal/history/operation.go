// SPDX-License-Identifier: Apache-2.0

// Package history checks whether the results of concurrent calls of a circuit breaker are
// linearizable. It runs programs on concurrent goroutines and records all calls with their results
// and times. Then porcupine searches for an order in which the reference model in internal/model
// gives the same results.
//
// It does not depend on the breaker's code: a test supplies the function that performs a [Step].
package history

import (
	"fmt"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// Kind names an operation. Do is two operations, because a call through Do takes effect twice, at
// the admission and at the report, with the guarded function in between. As one operation it would
// have to hold the breaker still meanwhile, which it does not do. It is therefore recorded as
// DoAdmit, from the call to the start of the function, and as one of DoSuccess, DoFailure,
// DoFailureRetryAfter and DoCancel, from the end of the function to the return. The goroutine may
// perform other operations between the two, and each half has the shortest interval that is certain
// to contain its effect.
type Kind uint8

// The operations. Do occurs in programs only, and Word only as the final operation of a history.
const (
	Allow Kind = iota
	TryAcquire
	Success // the four reports through a permit
	Failure
	FailureRetryAfter // an error with a time to wait
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
	Word // the whole word, after all calls have returned
)

var kinds = [...]string{
	"allow", "try_acquire", "success", "failure", "failure_retry_after", "cancel", "do", "do_admit", "do_success",
	"do_failure", "do_failure_retry_after", "do_cancel", "record_success", "record_failure", "elapsed", "trip", "trip_for",
	"reset", "force_open", "force_closed", "state", "snapshot", "retry_after", "word",
}

// String returns the name used in golden files, such as "try_acquire".
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

// MaxThreads is the largest number of goroutines in a history. The judge's state has a slot for
// each.
const MaxThreads = 4

// Operation is one completed call: its arguments, its answer, and an interval that contains the
// instant at which it took effect. Operations of different goroutines whose intervals touch may
// have happened in either order.
type Operation struct {
	Thread       int
	Call, Return int64 // nanoseconds since the epoch of the run

	Kind Kind

	// The arguments.
	Generation uint32 // of the permit, or of the timer
	Successes  int    // of the timer
	Spent      bool   // the permit had been reported before

	// The answer.
	OK      bool          // Allow, TryAcquire: admitted; RetryAfter: there is time left
	Given   uint32        // TryAcquire: the permit's generation
	Verdict model.Verdict // DoAdmit
	Public  string        // State
	State   model.State   // Word and Snapshot; Snapshot's Failures are a number of failures even with weights
}

// Describe describes the call and its answer in one line.
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
