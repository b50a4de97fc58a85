// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// The test compares the whole public API, with the real timers and a clock that the test moves,
// with the model and its timers. It draws the instants that matter: the end of each timeout, the
// nanosecond before it and the one after. It checks I3 and I9.
func TestVirtualTime_SameAsModel(t *testing.T) {
	var seen pairSeen
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			c := drawTimedConfig(t)
			with := drawPairOptions(t)
			with.slow = timedSlows.Draw(t, "slow threshold")
			p := newPair(t, &seen, c, model.State{}, with)
			p.keepPermitsFromBefore(model.State{})
			p.holds = timedHolds

			actions := pairActions(p)
			sleeps := rapid.SampledFrom(rapid.SliceOfN(rapid.SampledFrom(p.sleeps()), 1, 4).Draw(t, "sleeps"))
			sleep := func(t *rapid.T) { p.sleep(sleeps.Draw(t, "sleep")) }
			// The action has several names, so that time passes about every third call.
			actions["sleep"], actions["sleep on"], actions["sleep more"] = sleep, sleep, sleep
			actions["sleep till due"], actions["sleep till then"] = p.sleepTillDue, p.sleepTillDue
			some := drawSome(t, actions)
			for range 3 { // one round averages 30 calls, too few for two outages
				t.Repeat(some)
			}
		})
	})
	seen.everything(t)
}

var (
	timedThresholds = rapid.IntRange(1, 3)
	timedRecoveries = rapid.SampledFrom([]time.Duration{10 * time.Second, 10 * time.Second, 10 * time.Second, 0})
	timedBackoffs   = rapid.SampledFrom([]time.Duration{0, 10 * time.Second, 25 * time.Second, 24 * time.Hour})
	// The probe timeout is shorter than the recovery timeout, as long, longer, or off.
	timedProbes = rapid.SampledFrom([]time.Duration{3 * time.Second, 10 * time.Second, 15 * time.Second, 0})
	timedSlows  = rapid.SampledFrom([]time.Duration{0, 0, time.Second, 7 * time.Second})
	timedHolds  = []time.Duration{-1, 0, 1, 4 * time.Second, 10 * time.Second, time.Hour}
	timedAround = rapid.SampledFrom([]time.Duration{-1, 0, 1})
)

func drawTimedConfig(t *rapid.T) model.Config {
	return model.Config{
		FailureThreshold: timedThresholds.Draw(t, "failure threshold"),
		RecoveryTimeout:  timedRecoveries.Draw(t, "recovery timeout"),
		BackoffMax:       timedBackoffs.Draw(t, "backoff"),
		ProbeTimeout:     timedProbes.Draw(t, "probe timeout"),
		HalfOpenMaxCalls: pairMaxCalls.Draw(t, "half-open max calls"),
		SuccessThreshold: pairSuccesses.Draw(t, "success threshold"),
	}
}

// sleeps are the timeouts of p, the nanosecond before and after each, and a fraction of the probe
// timeout, so that several probes start within it. Each check uses a few of them, so that the same
// sleep is often repeated.
func (p *modelPair) sleeps() []time.Duration {
	ends := []time.Duration{
		p.c.RecoveryTimeout, p.c.ProbeTimeout, 4 * time.Second, // 4 s is one of TripFor's
		p.m.RecoveryTimeout(1), p.m.RecoveryTimeout(2), p.m.RecoveryTimeout(3),
	}
	sleeps := []time.Duration{1, p.c.ProbeTimeout / 3}
	for _, d := range ends {
		if d > 0 {
			sleeps = append(sleeps, d-1, d, d+1)
		}
	}
	return sleeps
}

func (p *modelPair) sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	p.m.Advance(d)
}

// sleepTillDue sleeps up to the end of the open period, give or take a nanosecond.
func (p *modelPair) sleepTillDue(t *rapid.T) {
	left := p.m.RetryAfter()
	if left == 0 {
		t.Skip("not cooling")
	}
	p.sleep(left + timedAround.Draw(t, "give or take"))
}
