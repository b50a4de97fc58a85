// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// shortestStability keeps a tiny recovery timeout from turning the stability timer into a busy
// loop.
const shortestStability = 10 * time.Millisecond

// StabilityTimeout is how long a breaker must stay closed, with no failure counted at the end,
// before its attempts are halved: the recovery timeout without back-off, at least 10 ms. If the
// recovery timeout is 0, StabilityTimeout is 0, and closing sets the attempts to 0.
func (m *Model) StabilityTimeout() time.Duration {
	if m.config.RecoveryTimeout == 0 {
		return 0
	}
	return max(m.config.RecoveryTimeout, shortestStability)
}

// armStability starts the timer that halves the attempts of a closed breaker each time it fires.
func (m *Model) armStability() {
	m.arm(m.StabilityTimeout()).stability = true
}

// stabilityAgain restarts a stability timer that has just fired, as long as its period continues
// and attempts are left. It returns how much of the coming d may be skipped. While failures are
// counted no timer event changes a closed breaker, and no call comes before d is over, so all
// firings until then have the same effect. Without the skip a long Advance would loop once for each
// of them. The other pending timers belong to earlier periods: the skip delays them, and they
// change nothing anyway.
func (m *Model) stabilityAgain(t *timer, d time.Duration) (skipped time.Duration) {
	if t.generation != m.state.Generation || m.state.Attempt == 0 {
		return 0
	}
	m.armStability()
	if m.state.Failures > 0 {
		skipped = d - d%m.StabilityTimeout()
	}
	return skipped
}
