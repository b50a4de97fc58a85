// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math"
	"time"
)

// Trip opens a closed or half-open breaker for the usual recovery timeout. It leaves attempt alone,
// because it says nothing about the sink's recoveries.
func (m *Model) Trip() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trip()
}

// TripFor opens the breaker for d and a slack of a tenth of d, at most one second. With d <= 0 it
// is Trip. On an open breaker it starts a new open period, because the answer with the time to wait
// often arrives just after another call's failure opened the breaker. It never shortens: it changes
// nothing if the running open period lasts for at least d from now. Because of the slack, many such
// answers make one transition, although each of them arrives a little later than the one before.
func (m *Model) TripFor(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d <= 0 {
		m.trip()
		return
	}
	switch m.state.Phase {
	case Closed, HalfOpen:
		m.coolFor(withSlack(d), causeTripped)
	case Cooling, Due:
		m.extend(d)
	case ForcedOpen, ForcedClosed:
	}
}

// Reset closes the breaker from any other phase and clears everything except the generation. On a
// closed breaker it clears failures and attempt without a transition.
func (m *Model) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.Failures = 0
	m.state.Attempt = 0
	if m.state.Phase != Closed {
		m.change(Closed, causeReset)
	}
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

// The methods below require the mutex.

func (m *Model) trip() {
	switch m.state.Phase {
	case Closed, HalfOpen:
		m.open(causeTripped)
	case Cooling, Due, ForcedOpen, ForcedClosed:
	}
}

// extend starts a new period of an open breaker, of d and the slack, unless the running one lasts
// for at least d from now. A due breaker has no running period.
func (m *Model) extend(d time.Duration) {
	if m.left() < min(d, longestWait) {
		m.coolFor(withSlack(d), causeTripped)
	}
}

// longestWait leaves room for the slack, so that two waits of the largest Duration, one soon after
// the other, also make a single open period.
const longestWait = math.MaxInt64 - time.Second

// coolFor opens the breaker, or begins a new open period, for exactly d.
func (m *Model) coolFor(d time.Duration, cause string) {
	m.change(Cooling, cause)
	m.cooling = m.arm(d)
}

// withSlack returns how long a breaker cools when the wait is d. It saturates.
func withSlack(d time.Duration) time.Duration {
	slack := min(time.Second, d/10)
	if d > math.MaxInt64-slack {
		return math.MaxInt64
	}
	return d + slack
}
