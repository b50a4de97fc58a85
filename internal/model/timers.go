// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// timer is a pending one-shot timer. It holds the time left instead of a deadline, so that no
// duration, however long, overflows the clock.
type timer struct {
	left       time.Duration
	generation uint32 // posted when it fires
	successes  int
	stability  bool // restarts when it fires
}

// arm starts a timer that will post the current generation and successes. Timers are never stopped:
// a timer that outlives its period posts an event that changes nothing.
func (m *Model) arm(d time.Duration) *timer {
	t := &timer{left: d, generation: m.state.Generation, successes: m.state.Successes}
	m.timers = append(m.timers, t)
	return t
}

// armProbe starts the timer of the probe that has just been admitted. A pending timer that will
// post the same event fires earlier and serves both.
func (m *Model) armProbe() {
	if m.config.ProbeTimeout == 0 {
		return
	}
	for _, t := range m.timers {
		if t.generation == m.state.Generation && t.successes == m.state.Successes {
			return
		}
	}
	m.arm(m.config.ProbeTimeout)
}

// Advance moves the clock by d and fires the timers that become due, in order of their deadlines
// and, among equals, in the order in which they were armed. While a timer fires, the clock shows
// its deadline, and timers that it arms count from there. The clock is monotonic: a negative d
// moves nothing.
func (m *Model) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d < 0 {
		return
	}
	for {
		i := m.earliest()
		if i < 0 || m.timers[i].left > d {
			m.pass(d)
			return
		}
		t := m.timers[i]
		d -= t.left
		m.pass(t.left)
		m.timers = append(m.timers[:i], m.timers[i+1:]...)
		m.elapsed(t.generation, t.successes)
		if t.stability {
			d -= m.stabilityAgain(t, d)
		}
	}
}

// earliest returns the index of the timer that fires next, or -1. The timers are in arming order,
// so the first of equals is the one armed first.
func (m *Model) earliest() int {
	first := -1
	for i, t := range m.timers {
		if first < 0 || t.left < m.timers[first].left {
			first = i
		}
	}
	return first
}

// pass advances every pending timer by d.
func (m *Model) pass(d time.Duration) {
	for _, t := range m.timers {
		t.left -= d
	}
}

// RetryAfter returns the time left until a probe may be admitted. It is 0 unless the breaker is
// cooling, and 0 for a model that At made cooling, which has no timer.
func (m *Model) RetryAfter() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left()
}

// left is RetryAfter with the mutex held.
func (m *Model) left() time.Duration {
	if m.state.Phase != Cooling || m.cooling == nil {
		return 0
	}
	return m.cooling.left
}

// RecoveryTimeout returns how long a breaker cools at the given attempt: the recovery timeout
// doubled that many times, up to the back-off's cap, or the plain recovery timeout without a
// back-off.
func (m *Model) RecoveryTimeout(attempt int) time.Duration {
	d := m.config.RecoveryTimeout
	limit := m.config.BackoffMax
	if limit == 0 {
		return d
	}
	for range attempt {
		// The comparison comes before the doubling, which might overflow.
		if d > limit/2 {
			return limit
		}
		d *= 2
	}
	return min(d, limit)
}
