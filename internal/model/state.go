// SPDX-License-Identifier: Apache-2.0

package model

import (
	"fmt"
	"time"
)

// Config is what a breaker is built with. The model does not validate it: an
// oracle is asked about configurations that the library has accepted.
type Config struct {
	// FailureThreshold is the number of failures that trips a closed breaker.
	FailureThreshold int

	// FailureWeight and SuccessWeight, both 0, mean consecutive counting: one
	// success clears everything. Otherwise a failure adds FailureWeight, a
	// success takes SuccessWeight away but not below 0, and the breaker trips at
	// FailureThreshold*FailureWeight.
	FailureWeight, SuccessWeight int

	RecoveryTimeout  time.Duration // 0: due at once
	BackoffMax       time.Duration // 0: no back-off
	ProbeTimeout     time.Duration // 0: probes may take for ever
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

// failures turns weighted units into a number of failures, rounded up, so that
// a count that is not zero never reads as no failure at all.
func (c Config) failures(units int) int {
	if c.consecutive() {
		return units
	}
	return (units + c.FailureWeight - 1) / c.FailureWeight
}

// Phase is what a breaker is. Callers see less: Cooling and Due are both open
// to them, because a breaker leaves open when a caller asks, never by itself.
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

// String names the phase, Cooling and Due apart.
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

// Public names the state that a caller of the breaker sees.
func (p Phase) Public() string {
	if p == Cooling || p == Due {
		return "open"
	}
	return p.String()
}

// The fields of a state are bounded; what happens at the bound is part of the
// contract, so the model has it too.
const (
	maxFailures = 65535   // saturates
	maxAttempt  = 31      // saturates
	generations = 1 << 24 // wraps: the generation after the last is 0
)

// State is everything that decides what a breaker does next, but for the
// timers. States are comparable.
type State struct {
	Phase      Phase
	Generation uint32 // of the period; wraps at 24 bits
	Attempt    int    // recoveries that did not last since the sink was last stable
	Failures   int    // weighted units; kept while open and half-open
	Calls      int    // probes in flight
	Successes  int    // probes that succeeded in this half-open period
}

// Transition is one published change. Everything in it is as of the state
// after the change.
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

// Verdict is the answer to a caller who asks to be let through.
type Verdict int

// What an admission can come to.
const (
	Admitted       Verdict = iota
	RejectedOpen           // cooling or forced-open
	RejectedProbes         // half-open with every slot taken
)

// String names the verdict, for the messages of failing tests.
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
