// SPDX-License-Identifier: Apache-2.0

package word

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// These are the events of the table below. All its words start in generation 7.
var (
	allow        = Event{Kind: Allow}
	success      = Event{Kind: Success}
	failure      = Event{Kind: Failure}
	giveBack     = Event{Kind: Cancel}
	trip         = Event{Kind: Trip}
	tripFor      = Event{Kind: TripFor}
	retryAfter   = Event{Kind: RetryAfter, Bound: true, Generation: 7}
	reset        = Event{Kind: Reset}
	forceOpen    = Event{Kind: ForceOpen}
	forceClosed  = Event{Kind: ForceClosed}
	elapsed      = Event{Kind: Elapsed, Bound: true, Generation: 7}
	elapsedAfter = Event{Kind: Elapsed, Bound: true, Generation: 7, Successes: 1}
)

// bound returns an event of a permit, or of a timer, of generation g.
func bound(e Event, g uint32) Event {
	e.Bound, e.Generation = true, g
	return e
}

// TestNext is the table of transitions, sentence by sentence. Three failures open, two probes may
// be in flight, two successes close.
func TestNext(t *testing.T) {
	p := Params{FailureLimit: 3, FailureWeight: 1, SuccessWeight: MaxFailures, MaxCalls: 2, SuccessThreshold: 2}
	dueAtOnce, leaking := p, p
	dueAtOnce.DueAtOnce = true
	leaking.FailureLimit, leaking.FailureWeight, leaking.SuccessWeight = 9, 3, 1

	var (
		closed       = Pack(Fields{Closed, 7, 0, 0, 0, 0})
		dirty        = Pack(Fields{Closed, 7, 2, 2, 0, 0})
		cooling      = Pack(Fields{Cooling, 7, 2, 3, 0, 0})
		due          = Pack(Fields{Due, 7, 2, 3, 0, 0})
		half         = Pack(Fields{HalfOpen, 7, 2, 3, 1, 0})
		idle         = Pack(Fields{HalfOpen, 7, 2, 3, 0, 1})
		forcedOpen   = Pack(Fields{ForcedOpen, 7, 2, 3, 0, 0})
		forcedClosed = Pack(Fields{ForcedClosed, 7, 2, 3, 0, 0})
	)
	for _, row := range []struct {
		says string
		p    Params
		from Word
		e    Event
		want Word
	}{
		{"closed: admits, no write", p, dirty, allow, dirty},
		{"closed: a success clears the failures", p, dirty, success, Pack(Fields{Closed, 7, 2, 0, 0, 0})},
		{"closed: a success of a healthy breaker writes nothing", p, closed, success, closed},
		{"closed: a success subtracts its weight", leaking, Pack(Fields{Closed, 7, 0, 5, 0, 0}), success, Pack(Fields{Closed, 7, 0, 4, 0, 0})},
		{"closed: a success subtracts nothing below 0", leaking, closed, success, closed},
		{"closed: a failure is counted", p, closed, failure, Pack(Fields{Closed, 7, 0, 1, 0, 0})},
		{"closed: a failure adds its weight", leaking, Pack(Fields{Closed, 7, 0, 4, 0, 0}), failure, Pack(Fields{Closed, 7, 0, 7, 0, 0})},
		{"closed: one failure below the threshold stays closed", p, Pack(Fields{Closed, 7, 0, 1, 0, 0}), failure, Pack(Fields{Closed, 7, 0, 2, 0, 0})},
		{"closed: the failure at the threshold opens and is kept", p, dirty, failure, Pack(Fields{Cooling, 8, 2, 3, 0, 0})},
		{"closed: the weighted count that tripped it is kept", leaking, Pack(Fields{Closed, 7, 0, 7, 0, 0}), failure, Pack(Fields{Cooling, 8, 0, 10, 0, 0})},
		{"closed: it is due at once without a recovery timeout", dueAtOnce, dirty, failure, Pack(Fields{Due, 8, 2, 3, 0, 0})},
		{"closed: a cancel changes nothing", p, dirty, giveBack, dirty},
		{"closed: stable, half of the attempts are forgiven", p, Pack(Fields{Closed, 7, 24, 0, 0, 0}), elapsed, Pack(Fields{Closed, 7, 12, 0, 0, 0})},
		{"closed: stable, the odd half", p, Pack(Fields{Closed, 7, MaxAttempt, 0, 0, 0}), elapsed, Pack(Fields{Closed, 7, 15, 0, 0, 0})},
		{"closed: stable, the last attempt is forgiven", p, Pack(Fields{Closed, 7, 1, 0, 0, 0}), elapsed, closed},
		{"closed: a counted failure is not stable", p, dirty, elapsed, dirty},

		{"cooling: rejects", p, cooling, allow, cooling},
		{"cooling: a success changes nothing", p, cooling, success, cooling},
		{"cooling: a failure changes nothing", p, cooling, failure, cooling},
		{"cooling: a cancel changes nothing", p, cooling, giveBack, cooling},
		{"cooling: due when the time is over, the same period", p, cooling, elapsed, due},

		{"due: the caller is the first probe, in one step", p, due, allow, Pack(Fields{HalfOpen, 8, 2, 3, 1, 0})},
		{"due: a success changes nothing", p, due, success, due},
		{"due: a failure changes nothing", p, due, failure, due},
		{"due: a cancel changes nothing", p, due, giveBack, due},
		{"due: time changes nothing", p, due, elapsed, due},

		{"half-open: admits below the limit", p, half, allow, Pack(Fields{HalfOpen, 7, 2, 3, 2, 0})},
		{"half-open: rejects at the limit", p, Pack(Fields{HalfOpen, 7, 2, 3, 2, 0}), allow, Pack(Fields{HalfOpen, 7, 2, 3, 2, 0})},
		{"half-open: a success gives its place back and is counted", p, half, success, Pack(Fields{HalfOpen, 7, 2, 3, 0, 1})},
		{"half-open: the success at the threshold closes", p, Pack(Fields{HalfOpen, 7, 2, 3, 2, 1}), success, Pack(Fields{Closed, 8, 3, 0, 0, 0})},
		{"half-open: closing clears attempt at once without a recovery timeout", dueAtOnce, Pack(Fields{HalfOpen, 7, 2, 3, 1, 1}), success, Pack(Fields{Closed, 8, 0, 0, 0, 0})},
		{"half-open: closing saturates attempt", p, Pack(Fields{HalfOpen, 7, MaxAttempt, 3, 1, 1}), success, Pack(Fields{Closed, 8, MaxAttempt, 0, 0, 0})},
		{"half-open: a success without a probe changes nothing", p, idle, success, idle},
		{"half-open: a failure opens", p, Pack(Fields{HalfOpen, 7, 2, 3, 2, 1}), failure, Pack(Fields{Cooling, 8, 3, 3, 0, 0})},
		{"half-open: a failure opens, due at once", dueAtOnce, half, failure, Pack(Fields{Due, 8, 3, 3, 0, 0})},
		{"half-open: a failure without a probe changes nothing", p, idle, failure, idle},
		{"half-open: a cancel gives its place back", p, half, giveBack, Pack(Fields{HalfOpen, 7, 2, 3, 0, 0})},
		{"half-open: a cancel without a probe changes nothing", p, idle, giveBack, idle},
		{"half-open: the probes do not answer", p, half, elapsed, Pack(Fields{Cooling, 8, 3, 3, 0, 0})},
		{"half-open: the probes do not answer, saturated", p, Pack(Fields{HalfOpen, 7, MaxAttempt, 3, 1, 0}), elapsed, Pack(Fields{Cooling, 8, MaxAttempt, 3, 0, 0})},
		{"half-open: a probe succeeded since", p, Pack(Fields{HalfOpen, 7, 2, 3, 1, 1}), elapsed, Pack(Fields{HalfOpen, 7, 2, 3, 1, 1})},
		{"half-open: none succeeded since that one", p, Pack(Fields{HalfOpen, 7, 2, 3, 1, 1}), elapsedAfter, Pack(Fields{Cooling, 8, 3, 3, 0, 0})},
		{"half-open: time without a probe changes nothing", p, idle, elapsedAfter, idle},

		{"forced-open: rejects", p, forcedOpen, allow, forcedOpen},
		{"forced-open: a success changes nothing", p, forcedOpen, success, forcedOpen},
		{"forced-open: a failure changes nothing", p, forcedOpen, failure, forcedOpen},
		{"forced-open: a cancel changes nothing", p, forcedOpen, giveBack, forcedOpen},
		{"forced-open: time changes nothing", p, forcedOpen, elapsed, forcedOpen},
		{"forced-closed: admits, no write", p, forcedClosed, allow, forcedClosed},
		{"forced-closed: a success changes nothing", p, forcedClosed, success, forcedClosed},
		{"forced-closed: a failure changes nothing", p, forcedClosed, failure, forcedClosed},
		{"forced-closed: a cancel changes nothing", p, forcedClosed, giveBack, forcedClosed},
		{"forced-closed: time changes nothing", p, forcedClosed, elapsed, forcedClosed},

		{"late success, half-open", p, half, bound(success, 6), half},
		{"late failure, half-open", p, half, bound(failure, 6), half},
		{"late cancel, half-open", p, half, bound(giveBack, 6), half},
		{"late success, closed", p, dirty, bound(success, 6), dirty},
		{"late failure, closed", p, dirty, bound(failure, 5), dirty},
		{"early failure, closed", p, dirty, bound(failure, 8), dirty},
		{"late timer, closed", p, dirty, bound(elapsed, 6), dirty},
		{"late timer, cooling", p, cooling, bound(elapsed, 6), cooling},
		{"late timer, half-open", p, half, bound(elapsed, 6), half},
		{"timely failure", p, dirty, bound(failure, 7), Pack(Fields{Cooling, 8, 2, 3, 0, 0})},
		{"timely success", p, half, bound(success, 7), Pack(Fields{HalfOpen, 7, 2, 3, 0, 1})},
		{"timely cancel", p, half, bound(giveBack, 7), Pack(Fields{HalfOpen, 7, 2, 3, 0, 0})},

		{"retry-after opens a closed breaker, attempt unchanged", p, dirty, retryAfter, Pack(Fields{Cooling, 8, 2, 2, 0, 0})},
		{"retry-after cools also without a recovery timeout", dueAtOnce, dirty, retryAfter, Pack(Fields{Cooling, 8, 2, 2, 0, 0})},
		{"retry-after of a probe is a failed recovery", p, half, retryAfter, Pack(Fields{Cooling, 8, 3, 3, 0, 0})},
		{"retry-after of a probe saturates attempt", p, Pack(Fields{HalfOpen, 7, MaxAttempt, 3, 1, 0}), retryAfter, Pack(Fields{Cooling, 8, MaxAttempt, 3, 0, 0})},
		{"retry-after without a probe changes nothing", p, idle, retryAfter, idle},
		{"retry-after changes nothing when cooling", p, cooling, retryAfter, cooling},
		{"retry-after changes nothing when due", p, due, retryAfter, due},
		{"retry-after changes nothing when forced open", p, forcedOpen, retryAfter, forcedOpen},
		{"retry-after changes nothing when forced closed", p, forcedClosed, retryAfter, forcedClosed},
		{"late retry-after, closed", p, dirty, bound(retryAfter, 6), dirty},
		{"late retry-after, half-open", p, half, bound(retryAfter, 6), half},
		{"trip-for of another period", p, cooling, bound(tripFor, 6), cooling},
		{"timely trip-for", p, cooling, bound(tripFor, 7), Pack(Fields{Cooling, 8, 2, 3, 0, 0})},

		{"trip opens a closed breaker, attempt unchanged", p, dirty, trip, Pack(Fields{Cooling, 8, 2, 2, 0, 0})},
		{"trip opens, due at once", dueAtOnce, dirty, trip, Pack(Fields{Due, 8, 2, 2, 0, 0})},
		{"trip opens a half-open breaker, attempt unchanged", p, half, trip, Pack(Fields{Cooling, 8, 2, 3, 0, 0})},
		{"trip changes nothing when cooling", p, cooling, trip, cooling},
		{"trip changes nothing when due", p, due, trip, due},
		{"trip changes nothing when forced open", p, forcedOpen, trip, forcedOpen},
		{"trip changes nothing when forced closed", p, forcedClosed, trip, forcedClosed},
		{"trip-for opens a closed breaker", p, dirty, tripFor, Pack(Fields{Cooling, 8, 2, 2, 0, 0})},
		{"trip-for cools also without a recovery timeout", dueAtOnce, dirty, tripFor, Pack(Fields{Cooling, 8, 2, 2, 0, 0})},
		{"trip-for opens a half-open breaker", p, half, tripFor, Pack(Fields{Cooling, 8, 2, 3, 0, 0})},
		{"trip-for starts a new period when cooling", p, cooling, tripFor, Pack(Fields{Cooling, 8, 2, 3, 0, 0})},
		{"trip-for starts a new period when due", p, due, tripFor, Pack(Fields{Cooling, 8, 2, 3, 0, 0})},
		{"trip-for changes nothing when forced open", p, forcedOpen, tripFor, forcedOpen},
		{"trip-for changes nothing when forced closed", p, forcedClosed, tripFor, forcedClosed},

		{"reset clears a closed breaker, in the same period", p, dirty, reset, closed},
		{"reset of a healthy breaker writes nothing", p, closed, reset, closed},
		{"reset closes when cooling", p, cooling, reset, Pack(Fields{Closed, 8, 0, 0, 0, 0})},
		{"reset closes when due", p, due, reset, Pack(Fields{Closed, 8, 0, 0, 0, 0})},
		{"reset closes when half-open", p, Pack(Fields{HalfOpen, 7, 2, 3, 2, 1}), reset, Pack(Fields{Closed, 8, 0, 0, 0, 0})},
		{"reset closes when forced open", p, forcedOpen, reset, Pack(Fields{Closed, 8, 0, 0, 0, 0})},
		{"reset closes when forced closed", p, forcedClosed, reset, Pack(Fields{Closed, 8, 0, 0, 0, 0})},
		{"force open", p, half, forceOpen, Pack(Fields{ForcedOpen, 8, 2, 3, 0, 0})},
		{"force open once more", p, forcedOpen, forceOpen, forcedOpen},
		{"force open from the other one", p, forcedClosed, forceOpen, Pack(Fields{ForcedOpen, 8, 2, 3, 0, 0})},
		{"force closed", p, dirty, forceClosed, Pack(Fields{ForcedClosed, 8, 2, 2, 0, 0})},
		{"force closed once more", p, forcedClosed, forceClosed, forcedClosed},
		{"force closed from the other one", p, forcedOpen, forceClosed, Pack(Fields{ForcedClosed, 8, 2, 3, 0, 0})},

		{"the generation wraps into nothing", p, Pack(Fields{Closed, MaxGeneration, 2, 2, 0, 0}), failure, Pack(Fields{Cooling, 0, 2, 3, 0, 0})},
		{"no event is no change", p, dirty, Event{Kind: ForceClosed + 1}, dirty},
	} {
		t.Run(row.says, func(t *testing.T) {
			assert.Equal(t, row.want, Next(row.from, row.e, &row.p))
		})
	}
}
