// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"time"
)

// Config is a breaker's configuration. The model does not validate it, because tests use only
// configurations that the library has accepted.
type Config struct {
	// FailureThreshold is the number of failures that trips a closed breaker.
	FailureThreshold int

	// FailureWeight and SuccessWeight are both 0 for consecutive counting, in which one success
	// clears everything. Otherwise a failure adds FailureWeight, a success subtracts SuccessWeight
	// but not below 0, and the breaker trips at FailureThreshold*FailureWeight.
	FailureWeight, SuccessWeight int

	RecoveryTimeout  time.Duration // 0: due at once
	BackoffMax       time.Duration // 0: no back-off
	ProbeTimeout     time.Duration // 0: probes never time out
	HalfOpenMaxCalls int           // probes in flight at one time
	SuccessThreshold int           // probes that must succeed to close
}

// consecutive reports whether one success clears every failure.
func (c Config) consecutive() bool { return c.FailureWeight == 0 }

// tripsAt is the failure count, in weighted units, that trips a closed breaker.
func (c Config) tripsAt() int {
	if c.consecutive() {
		return c.FailureThreshold
	}
	return c.FailureThreshold * c.FailureWeight
}

// failures converts weighted units to a number of failures, rounded up, so that a nonzero count
// never reads as 0 failures.
func (c Config) failures(units int) int {
	if c.consecutive() {
		return units
	}
	return (units + c.FailureWeight - 1) / c.FailureWeight
}

// Phase is the internal state of a breaker. Callers see Cooling and Due as the same state, open,
// because a breaker leaves open when a caller asks, never by itself.
type Phase int

// The phases.
const (
	Closed       Phase = iota // admits, counts failures
	ForcedClosed              // admits until Reset or ForceOpen
	Due                       // open, the recovery timeout is over
	HalfOpen                  // admits a bounded number of probes
	ForcedOpen                // rejects until Reset or ForceClosed
	Cooling                   // open, the recovery timeout is running
)

// String returns the phase's name, which distinguishes Cooling and Due.
func (p Phase) String() string {
	switch p {
	case Closed:
		return "closed"
	case Cooling:
		return "cooling"
	case Due:
		return "due"
	case HalfOpen:
		return "half_open"
	case ForcedOpen:
		return "forced_open"
	case ForcedClosed:
		return "forced_closed"
	default:
		return fmt.Sprintf("Phase(%d)", int(p))
	}
}

// Public returns the name of the state that callers see.
func (p Phase) Public() string {
	if p == Cooling || p == Due {
		return "open"
	}
	return p.String()
}

// The fields of a state are bounded. The behavior at the bounds is part of the contract, so the
// model has it too.
const (
	maxFailures = 65535   // saturates
	maxAttempt  = 31      // saturates
	generations = 1 << 24 // wraps: the generation after the last is 0
)

// State is everything that determines what a breaker does next, except the timers. States are
// comparable.
type State struct {
	Phase      Phase
	Generation uint32 // of the period; wraps at 24 bits
	Attempt    int    // recoveries that did not last since the sink was last stable
	Failures   int    // weighted units; kept while open and half-open
	Calls      int    // probes in flight
	Successes  int    // probes that succeeded in this half-open period
}

// Transition is one published change. Its fields hold the values after the change.
type Transition struct {
	From, To   string // public states
	Generation uint32
	Cause      string
	Failures   int // a number of failures, also when they are weighted
	Attempt    int
}

// Causes of a transition.
const (
	causeFailureThreshold = "failure_threshold"
	causeProbeAdmitted    = "probe_admitted"
	causeProbeSucceeded   = "probe_succeeded"
	causeProbeFailed      = "probe_failed"
	causeProbeTimedOut    = "probe_timed_out"
	causeTripped          = "tripped"
	causeReset            = "reset"
	causeForced           = "forced"
)

// Verdict is the answer to a request for admission.
type Verdict int

// The verdicts.
const (
	Admitted       Verdict = iota
	RejectedOpen           // cooling or forced-open
	RejectedProbes         // half-open with every slot taken
)

// String describes the verdict in the messages of failing tests.
func (v Verdict) String() string {
	switch v {
	case Admitted:
		return "admitted"
	case RejectedOpen:
		return "rejected: open"
	case RejectedProbes:
		return "rejected: too many probes"
	default:
		return fmt.Sprintf("Verdict(%d)", int(v))
	}
}
