// SPDX-License-Identifier: Apache-2.0

// Package model is the reference model of the circuit breaker: the contract's
// state table written out under a mutex, with a clock that a test moves by hand.
//
// It is an oracle. The lock-free breaker is tested against it, so it shares no
// code with that breaker (a shared mistake would be invisible) and it prefers
// the obvious to the fast everywhere. It has no jitter and no hooks: a
// transition is put on a list, which the test takes away.
package model

import (
	"fmt"
	"sync"
	"time"
)

// Model is a circuit breaker. Build one with New or At; it is safe for
// concurrent use and must not be copied.
type Model struct {
	config Config // never changes

	mu          sync.Mutex
	state       State
	transitions []Transition
	timers      []*timer // pending, in the order they were armed
	cooling     *timer   // the one that ends the latest cooling; nil before any
}

// New returns a closed breaker that has seen nothing.
func New(c Config) *Model { return At(c, State{}) }

// At returns a breaker that stands in s, with no timer pending.
func At(c Config, s State) *Model { return &Model{config: c, state: s} }

// State returns the state as it is now.
func (m *Model) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Transitions returns the transitions made since the last call, in order; nil
// when there are none.
func (m *Model) Transitions() []Transition {
	m.mu.Lock()
	defer m.mu.Unlock()
	made := m.transitions
	m.transitions = nil
	return made
}

// Admit asks to be let through. The generation is that of the period the call
// was admitted in, which may be the period that it began itself; 0 when it was
// rejected.
func (m *Model) Admit() (generation uint32, v Verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.state.Phase {
	case Closed, ForcedClosed:
		return m.state.Generation, Admitted
	case Cooling, ForcedOpen:
		return 0, RejectedOpen
	case Due:
		m.change(HalfOpen, causeProbeAdmitted)
	case HalfOpen:
		if m.state.Calls >= m.config.HalfOpenMaxCalls {
			return 0, RejectedProbes
		}
	default:
		panic(fmt.Sprintf("model: %v is no phase", m.state.Phase))
	}
	m.state.Calls++
	m.armProbe()
	return m.state.Generation, Admitted
}

// Success reports a success through a permit of that generation.
func (m *Model) Success(gen uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if gen == m.state.Generation {
		m.success()
	}
}

// Failure reports a failure through a permit of that generation.
func (m *Model) Failure(gen uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if gen == m.state.Generation {
		m.failure()
	}
}

// Cancel gives a permit of that generation back and decides nothing.
func (m *Model) Cancel(gen uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if gen == m.state.Generation && m.state.Phase == HalfOpen && m.state.Calls > 0 {
		m.state.Calls--
	}
}

// RecordSuccess reports a success of nobody in particular. In half-open it
// counts as a probe's: the two cannot be told apart.
func (m *Model) RecordSuccess() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.success()
}

// RecordFailure reports a failure of nobody in particular.
func (m *Model) RecordFailure() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure()
}

// Elapsed posts a timer's event: the timer was armed in that generation, when
// that many probes had succeeded.
func (m *Model) Elapsed(gen uint32, successes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.elapsed(gen, successes)
}

// Trip opens a closed or half-open breaker for the usual recovery timeout. It
// says nothing about the sink's recoveries, so the attempt stays.
func (m *Model) Trip() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trip()
}

// TripFor opens the breaker for exactly d, or is Trip when d is not positive. On
// an open breaker it starts a new open period: who says how long to wait often
// speaks just after somebody else's failure opened it.
func (m *Model) TripFor(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d <= 0 {
		m.trip()
		return
	}
	switch m.state.Phase {
	case Closed, HalfOpen, Cooling, Due:
		m.coolFor(d, causeTripped)
	case ForcedOpen, ForcedClosed:
	}
}

// Reset closes the breaker from any other phase and forgets everything but the
// generation. A closed breaker is left as it is, its counts too.
func (m *Model) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Phase == Closed {
		return
	}
	m.state.Failures = 0
	m.state.Attempt = 0
	m.change(Closed, causeReset)
}

// ForceOpen rejects every call until Reset or ForceClosed.
func (m *Model) ForceOpen() { m.force(ForcedOpen) }

// ForceClosed admits every call until Reset or ForceOpen.
func (m *Model) ForceClosed() { m.force(ForcedClosed) }

func (m *Model) force(to Phase) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state.Phase != to {
		m.change(to, causeForced)
	}
}

// Everything below is called with the mutex held.

func (m *Model) success() {
	switch m.state.Phase {
	case Closed:
		if m.config.consecutive() {
			m.state.Failures = 0
		} else {
			m.state.Failures = max(m.state.Failures-m.config.SuccessWeight, 0)
		}
	case HalfOpen:
		if m.state.Calls == 0 {
			return
		}
		m.state.Calls--
		m.state.Successes++
		if m.state.Successes >= m.config.SuccessThreshold {
			m.recovered()
		}
	case Cooling, Due, ForcedOpen, ForcedClosed:
	}
}

func (m *Model) failure() {
	switch m.state.Phase {
	case Closed:
		weight := m.config.FailureWeight
		if m.config.consecutive() {
			weight = 1
		}
		m.state.Failures = min(m.state.Failures+weight, maxFailures)
		if m.state.Failures >= m.config.tripsAt() {
			m.open(causeFailureThreshold)
		}
	case HalfOpen:
		if m.state.Calls == 0 {
			return
		}
		m.countAttempt()
		m.open(causeProbeFailed)
	case Cooling, Due, ForcedOpen, ForcedClosed:
	}
}

func (m *Model) elapsed(gen uint32, successes int) {
	if gen != m.state.Generation {
		return
	}
	switch m.state.Phase {
	case Closed:
		// The sink was stable for a whole recovery timeout.
		m.state.Attempt = 0
	case Cooling:
		// Callers see open before and after, so nothing is published.
		m.state.Phase = Due
	case HalfOpen:
		// A success since the timer was armed means that the probes do answer.
		if m.state.Calls == 0 || successes != m.state.Successes {
			return
		}
		m.countAttempt()
		m.open(causeProbeTimedOut)
	case Due, ForcedOpen, ForcedClosed:
	}
}

func (m *Model) trip() {
	switch m.state.Phase {
	case Closed, HalfOpen:
		m.open(causeTripped)
	case Cooling, Due, ForcedOpen, ForcedClosed:
	}
}

// recovered closes the breaker after enough probes have succeeded. That counts
// as one more attempt, which only stability clears: a sink that takes one record
// and fails again backs off like one that fails its probes.
func (m *Model) recovered() {
	m.state.Failures = 0
	m.countAttempt()
	if m.config.RecoveryTimeout == 0 {
		// No time at all is all the stability asked for.
		m.state.Attempt = 0
	}
	m.change(Closed, causeProbeSucceeded)
	if m.state.Attempt > 0 {
		m.arm(m.RecoveryTimeout(m.state.Attempt))
	}
}

// open opens the breaker for the recovery timeout of its attempt.
func (m *Model) open(cause string) {
	d := m.RecoveryTimeout(m.state.Attempt)
	if d == 0 {
		m.change(Due, cause)
		return
	}
	m.coolFor(d, cause)
}

// coolFor opens the breaker, or begins a new open period, for exactly d.
func (m *Model) coolFor(d time.Duration, cause string) {
	m.change(Cooling, cause)
	m.cooling = m.arm(d)
}

func (m *Model) countAttempt() {
	m.state.Attempt = min(m.state.Attempt+1, maxAttempt)
}

// change begins a new period and records it: every published transition takes
// exactly one generation, and every period begins with no probe counted.
// Failures and attempt are the caller's, to be set before.
func (m *Model) change(to Phase, cause string) {
	from := m.state.Phase
	m.state.Phase = to
	m.state.Generation = (m.state.Generation + 1) % generations
	m.state.Calls = 0
	m.state.Successes = 0
	m.transitions = append(m.transitions, Transition{
		From:       from.Public(),
		To:         to.Public(),
		Generation: m.state.Generation,
		Cause:      cause,
		Failures:   m.config.failures(m.state.Failures),
		Attempt:    m.state.Attempt,
	})
}
