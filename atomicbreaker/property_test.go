// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// The test compares the whole public API with the model, one call after another. No time passes:
// the test posts the timers' events itself, so that every event meets every state, including those
// that a timer meets only in a race. It checks I2 and I3.
//
// Each check runs in a bubble although its clock stands still: the test can then compare RetryAfter
// to the nanosecond and wait for the asynchronous hook, and the timers of ten thousand breakers end
// with their bubbles.
func TestProperty_SameAsModel(t *testing.T) {
	var seen pairSeen
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			c := drawPairConfig(t)
			start := drawPairStart(t, &c)
			p := newPair(t, &seen, c, start, drawPairOptions(t))
			p.keepPermitsFromBefore(start)
			p.holds = []time.Duration{math.MinInt64, -1, 0, 1, time.Minute, math.MaxInt64}

			actions := pairActions(p)
			actions["elapsed"] = p.elapsed
			some := drawSome(t, actions)
			for range 3 { // one round averages 30 calls, too few for two outages
				t.Repeat(some)
			}
		})
	})
	seen.everything(t)
}

// pairActions are the calls of the API. Each compares the answers, and the whole breaker is
// compared after it. They are grouped. Some skip themselves unless they are needed to leave a state
// in which chance alone would stay too long: the forced states, and half-open before the successes
// that close it.
func pairActions(p *modelPair) map[string]func(*rapid.T) {
	operation := rapid.SampledFrom(append([]string{"Trip", "TripFor", "TripFor", "Reset"}, pairOperations...))
	return map[string]func(*rapid.T){
		"":               func(t *rapid.T) { p.same(t) },
		"Allow":          func(t *rapid.T) { p.allow(t) },
		"TryAcquire":     func(t *rapid.T) { p.tryAcquire(t) },
		"use a permit":   p.usePermit,
		"use the latest": func(t *rapid.T) { p.report(t, len(p.permits)-1, p.drawReport(t, "report")) },
		"record success": func(*rapid.T) { p.b.RecordSuccess(); p.m.RecordSuccess() },
		"record failure": func(*rapid.T) { p.b.RecordFailure(); p.m.RecordFailure() },
		"Do":             func(t *rapid.T) { p.do(t, p.drawGuarded(t)) },
		"operate":        func(t *rapid.T) { p.operate(operation.Draw(t, "operation"), p.drawHold(t)) },
		"let go":         p.letGo,
		"probe well":     func(t *rapid.T) { p.probe(t, "Success") },
		"give back":      func(t *rapid.T) { p.probe(t, "Cancel") },
	}
}

// drawSome leaves out about half of the actions. Some states take many calls of a few kinds, such
// as four successes in a row, and are never reached while all kinds are mixed.
func drawSome(t *rapid.T, actions map[string]func(*rapid.T)) map[string]func(*rapid.T) {
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		switch name {
		case "", "Allow": // the comparison, and one that never skips itself
		default:
			if !rapid.Bool().Draw(t, name) {
				delete(actions, name)
			}
		}
	}
	return actions
}

var (
	pairThresholds   = rapid.IntRange(1, 5)
	pairMaxCalls     = rapid.IntRange(1, 3)
	pairSuccesses    = rapid.IntRange(1, 4)
	pairWeights      = rapid.SampledFrom([]int{0, 0, 0, 1, 2, 3, 4}) // indices of weighings
	pairRecoveries   = rapid.SampledFrom([]time.Duration{24 * time.Hour, 0})
	pairBackoffs     = rapid.SampledFrom([]time.Duration{0, 24 * time.Hour, 100 * time.Hour, math.MaxInt64})
	pairProbes       = rapid.SampledFrom([]time.Duration{0, 24 * time.Hour})
	pairGenerations  = rapid.SampledFrom([]uint32{0, 1, lastGeneration - 3, lastGeneration - 2, lastGeneration - 1, lastGeneration})
	pairAttempts     = rapid.SampledFrom([]int{0, 1, 2, 29, 30, 31})
	pairPhases       = rapid.SampledFrom([]model.Phase{model.Closed, model.Cooling, model.Due, model.HalfOpen, model.ForcedOpen, model.ForcedClosed})
	pairFromTheLimit = rapid.IntRange(0, 3)
	pairDryRuns      = rapid.SampledFrom([]bool{false, false, true})
	pairOffsets      = rapid.SampledFrom([]uint32{0, 0, 0, 0, 1, lastGeneration, 1 << 23, 1 << 16}) // lastGeneration is -1
)

// These bounds of the word are not exported. The model has them too.
const (
	lastGeneration = 1<<24 - 1
	lastFailure    = 65535
)

// weighings are failure rates and their weights: a failure adds one weight, a success subtracts the
// other, and the count stays level when that share of the calls fails. The first is consecutive
// counting.
var weighings = []struct {
	rate             float64
	failure, success int
}{{0, 0, 0}, {0.5, 1, 1}, {0.25, 3, 1}, {0.75, 1, 3}, {0.4, 3, 2}}

// drawPairOptions leaves out the slow threshold, because no time passes here.
func drawPairOptions(t *rapid.T) pairOptions {
	return pairOptions{
		classifies: rapid.Bool().Draw(t, "classifier"),
		retries:    rapid.Bool().Draw(t, "retry after"),
		dryRun:     pairDryRuns.Draw(t, "dry run"),
	}
}

func drawPairConfig(t *rapid.T) model.Config {
	w := weighings[pairWeights.Draw(t, "weighing")]
	return model.Config{
		FailureThreshold: pairThresholds.Draw(t, "failure threshold"),
		FailureWeight:    w.failure,
		SuccessWeight:    w.success,
		RecoveryTimeout:  pairRecoveries.Draw(t, "recovery timeout"),
		BackoffMax:       pairBackoffs.Draw(t, "backoff"),
		ProbeTimeout:     pairProbes.Draw(t, "probe timeout"),
		HalfOpenMaxCalls: pairMaxCalls.Draw(t, "half-open max calls"),
		SuccessThreshold: pairSuccesses.Draw(t, "success threshold"),
	}
}

// drawPairStart draws a state that c's breaker could be in. Half of the time that is the initial
// one; otherwise it is near the edges of the fields: the last generations before the wrap, the last
// attempts, the last failures before the limit. The limit may be the largest possible.
func drawPairStart(t *rapid.T, c *model.Config) model.State {
	if rapid.Bool().Draw(t, "fresh") {
		return model.State{}
	}
	s := model.State{
		Phase:      pairPhases.Draw(t, "phase"),
		Generation: pairGenerations.Draw(t, "generation"),
		Attempt:    pairAttempts.Draw(t, "attempt"),
	}
	limit := c.FailureThreshold * max(c.FailureWeight, 1)
	if rapid.Bool().Draw(t, "largest limit") {
		c.FailureThreshold = lastFailure / max(c.FailureWeight, 1)
		limit = c.FailureThreshold * max(c.FailureWeight, 1)
	}
	s.Failures = max(0, limit-pairFromTheLimit.Draw(t, "failures to the limit"))
	if s.Phase == model.Closed {
		s.Failures = min(s.Failures, limit-1)
	}
	if s.Phase == model.HalfOpen {
		s.Calls = rapid.IntRange(0, c.HalfOpenMaxCalls).Draw(t, "calls")
		s.Successes = rapid.IntRange(0, c.SuccessThreshold-1).Draw(t, "successes")
	}
	return s
}

// elapsed posts a timer's event: mostly of the current period, otherwise of the previous or next
// one, or of one that differs in a high bit only; with the current number of successes, or with any
// other.
func (p *modelPair) elapsed(t *rapid.T) {
	s := p.m.State()
	generation := (s.Generation + pairOffsets.Draw(t, "generation")) & lastGeneration
	successes := s.Successes
	if !rapid.Bool().Draw(t, "in time") {
		successes = rapid.IntRange(0, p.c.SuccessThreshold-1).Draw(t, "successes")
	}
	p.b.Elapsed(generation, successes)
	p.m.Elapsed(generation, successes)
}

// letGo ends a forced state.
func (p *modelPair) letGo(t *rapid.T) {
	if s := p.m.State(); s.Phase != model.ForcedOpen && s.Phase != model.ForcedClosed {
		t.Skip("not forced")
	}
	p.operate("Reset", 0)
}

// probe makes a call that ends at once, if the breaker is ready for probes.
func (p *modelPair) probe(t *rapid.T, how string) {
	if s := p.m.State(); s.Phase != model.Due && s.Phase != model.HalfOpen {
		t.Skip("not ready for a probe")
	}
	p.tryAcquire(t)
	p.same(t)
	p.report(t, len(p.permits)-1, pairReport{how: how})
}
