// SPDX-License-Identifier: Apache-2.0

package model

import "time"

// shortestStability keeps a tiny recovery timeout from turning the stability timer into a busy loop.
const shortestStability = 10 * time.Millisecond

// StabilityTimeout is how long a breaker stays closed, with no failures counted at the end, until half
// of its attempts are forgiven: the recovery timeout without back-off, at least 10 ms. It is 0, for
// none, without a recovery timeout: closing forgives at once then.
func (m *Model) StabilityTimeout() time.Duration {
	if m.config.RecoveryTimeout == 0 {
		return 0
	}
	return max(m.config.RecoveryTimeout, shortestStability)
}

// armStability starts the timer whose firings forgive a closed breaker its attempts.
func (m *Model) armStability() {
	m.arm(m.StabilityTimeout()).stability = true
}

// stabilityAgain restarts a stability timer that has just fired, as long as its period goes on and
// attempts are left. It returns how much of the coming d may be skipped. While failures are counted
// no event of a timer changes a closed breaker, and no call comes before d is over, so every firing
// up to there finds the same. Without the skip a long Advance would loop once for each of them. The
// other pending timers belong to earlier periods; a skip delays them, and they change nothing anyway.
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
