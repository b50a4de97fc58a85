// SPDX-License-Identifier: Apache-2.0

// Package model is the reference model of the circuit breaker: the state table of CONCURRENCY.md,
// implemented with a mutex and a clock that a test advances.
//
// It is a test oracle. Tests compare the lock-free breaker with it, so the two share no code: a
// shared bug would go unnoticed. The code is simple rather than fast. The model has no jitter and
// no hooks; it appends transitions to a list, which the test reads and clears. It has no
// classifier, no slow threshold and no dry run either, because those only select which of its
// methods a call reaches.
package model

import (
	"fmt"
	"sync"
	"time"
)

// Model is a circuit breaker. Create one with New, At or AtCooling. It is safe for concurrent use
// and must not be copied.
type Model struct {
	config Config // never changes

	mu          sync.Mutex
	state       State
	transitions []Transition
	timers      []*timer // pending, in the order they were armed
	cooling     *timer   // ends the latest open period; nil: none yet
}

// New returns a closed breaker in its initial state.
func New(c Config) *Model { return At(c, State{}) }

// At returns a breaker in state s, with no timer pending. If s is cooling, the end of its open
// period is unknown and counts as now: TripFor and FailureRetryAfter start a new period. AtCooling
// sets the end of the period.
func At(c Config, s State) *Model { return &Model{config: c, state: s} }

// AtCooling returns a cooling breaker in state s that becomes due after left.
func AtCooling(c Config, s State, left time.Duration) *Model {
	if s.Phase != Cooling || left < 0 {
		panic(fmt.Sprintf("model: %v left in phase %v: want cooling, and no less than 0", left, s.Phase))
	}
	m := At(c, s)
	m.cooling = m.arm(left)
	return m
}

// State returns the current state.
func (m *Model) State() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// Transitions returns the transitions made since the last call, in order, or nil if there are none.
func (m *Model) Transitions() []Transition {
	m.mu.Lock()
	defer m.mu.Unlock()
	made := m.transitions
	m.transitions = nil
	return made
}

// Admit asks for admission. The generation is that of the period in which the call was admitted,
// which may be one that it began itself. It is 0 if the call was rejected.
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
		panic(fmt.Sprintf("model: unknown phase %v", m.state.Phase))
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

// FailureRetryAfter reports through a permit of that generation a failure with d > 0, the time that
// the sink asks to wait. In its own generation it opens a closed breaker, or a half-open one with a
// probe in flight, for d and the slack of TripFor; a probe's report counts an attempt. It extends
// an open breaker as TripFor does, whatever the permit's generation.
func (m *Model) FailureRetryAfter(gen uint32, d time.Duration) {
	if d <= 0 {
		panic(fmt.Sprintf("model: retry after %v: want more than 0", d))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	own := gen == m.state.Generation
	switch m.state.Phase {
	case Closed:
		if own {
			m.coolFor(withSlack(d), causeTripped)
		}
	case HalfOpen:
		if own && m.state.Calls > 0 {
			m.countAttempt()
			m.coolFor(withSlack(d), causeTripped)
		}
	case Cooling, Due:
		m.extend(d)
	case ForcedOpen, ForcedClosed:
	}
}

// Cancel returns a permit of that generation without an outcome.
func (m *Model) Cancel(gen uint32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if gen == m.state.Generation && m.state.Phase == HalfOpen && m.state.Calls > 0 {
		m.state.Calls--
	}
}

// RecordSuccess reports an anonymous success. In half-open it counts as a probe's, because the two
// cannot be distinguished.
func (m *Model) RecordSuccess() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.success()
}

// RecordFailure reports an anonymous failure.
func (m *Model) RecordFailure() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure()
}

// Elapsed posts the event of a timer that was armed in that generation, after that many successful
// probes. It does not remove a pending timer and does not restart the stability timer; only a
// stability timer that fires in Advance restarts.
func (m *Model) Elapsed(gen uint32, successes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.elapsed(gen, successes)
}

// The methods below require the mutex.

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
		// The sink was stable for a while, unless a failure is counted at this moment.
		if m.state.Failures == 0 {
			m.state.Attempt /= 2
		}
	case Cooling:
		// The public state is open before and after, so nothing is published.
		m.state.Phase = Due
	case HalfOpen:
		// A success since the timer was armed shows that probes do report.
		if m.state.Calls == 0 || successes != m.state.Successes {
			return
		}
		m.countAttempt()
		m.open(causeProbeTimedOut)
	case Due, ForcedOpen, ForcedClosed:
	}
}

// recovered closes the breaker after enough probes have succeeded. Closing counts as one more
// attempt, which only stability clears. A sink that takes one record and fails again therefore
// backs off like one whose probes fail.
func (m *Model) recovered() {
	m.state.Failures = 0
	m.countAttempt()
	if m.config.RecoveryTimeout == 0 {
		// With a stability timeout of 0 the sink counts as stable at once.
		m.state.Attempt = 0
	}
	m.change(Closed, causeProbeSucceeded)
	if m.state.Attempt > 0 {
		m.armStability()
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

func (m *Model) countAttempt() {
	m.state.Attempt = min(m.state.Attempt+1, maxAttempt)
}

// change begins a new period and records the transition. Every published transition takes exactly
// one generation (I2), and every period begins with no probe counted. The caller sets failures and
// attempt before.
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
