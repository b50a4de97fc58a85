// SPDX-License-Identifier: Apache-2.0

package model_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// everyPhase returns a state of each phase, with every count that the phase can have.
func everyPhase() []state {
	return []state{
		{closed, 6, 1, 2, 0, 0},
		{cooling, 6, 1, 3, 0, 0},
		{due, 6, 1, 3, 0, 0},
		{halfOpen, 6, 1, 3, 1, 2},
		{forcedOpen, 6, 1, 2, 0, 0},
		{forcedClosed, 6, 1, 2, 0, 0},
	}
}

func TestTrip(t *testing.T) {
	trip := (*model.Model).Trip
	run(t, []rule{
		{
			"Trip opens a closed breaker, attempt unchanged", usual(),
			state{closed, 6, 1, 2, 0, 0},
			trip,
			state{cooling, 7, 1, 2, 0, 0},
			one("closed", "open", 7, "tripped", 2, 1),
		},
		{
			"Trip opens a half-open breaker, attempt unchanged", usual(),
			state{halfOpen, 6, 1, 3, 1, 2},
			trip,
			state{cooling, 7, 1, 3, 0, 0},
			one("half_open", "open", 7, "tripped", 3, 1),
		},
		{
			"without a recovery timeout Trip is due at once", atOnce(),
			state{closed, 6, 1, 2, 0, 0},
			trip,
			state{due, 7, 1, 2, 0, 0},
			one("closed", "open", 7, "tripped", 2, 1),
		},
		{
			"TripFor opens a closed breaker", usual(),
			state{closed, 6, 1, 2, 0, 0},
			tripFor(1),
			state{cooling, 7, 1, 2, 0, 0},
			one("closed", "open", 7, "tripped", 2, 1),
		},
		{
			"TripFor opens a half-open breaker", usual(),
			state{halfOpen, 6, 1, 3, 1, 2},
			tripFor(1),
			state{cooling, 7, 1, 3, 0, 0},
			one("half_open", "open", 7, "tripped", 3, 1),
		},
		{
			"TripFor cools also without a recovery timeout", atOnce(),
			state{closed, 6, 1, 2, 0, 0},
			tripFor(1),
			state{cooling, 7, 1, 2, 0, 0},
			one("closed", "open", 7, "tripped", 2, 1),
		},
		{
			"TripFor starts a new open period when the end of the running one is unknown", usual(),
			state{cooling, 6, 1, 3, 0, 0},
			tripFor(1),
			state{cooling, 7, 1, 3, 0, 0},
			one("open", "open", 7, "tripped", 3, 1),
		},
		{
			"TripFor on a due breaker starts a new open period", usual(),
			state{due, 6, 1, 3, 0, 0},
			tripFor(1),
			state{cooling, 7, 1, 3, 0, 0},
			one("open", "open", 7, "tripped", 3, 1),
		},
		{
			"TripFor of 0 is Trip", atOnce(),
			state{closed, 6, 1, 2, 0, 0},
			tripFor(0),
			state{due, 7, 1, 2, 0, 0},
			one("closed", "open", 7, "tripped", 2, 1),
		},
		{
			"TripFor of a negative time is Trip", usual(),
			state{closed, 6, 1, 2, 0, 0},
			tripFor(-1),
			state{cooling, 7, 1, 2, 0, 0},
			one("closed", "open", 7, "tripped", 2, 1),
		},
	})
	for _, from := range everyPhase() {
		switch from.Phase {
		case forcedOpen, forcedClosed:
			run(t, []rule{
				{"when forced Trip changes nothing/" + from.Phase.String(), usual(), from, trip, from, nil},
				{"when forced TripFor changes nothing/" + from.Phase.String(), usual(), from, tripFor(1), from, nil},
			})
		case cooling, due:
			run(t, []rule{
				{"when open Trip changes nothing/" + from.Phase.String(), usual(), from, trip, from, nil},
				{"when open TripFor of 0 changes nothing/" + from.Phase.String(), usual(), from, tripFor(0), from, nil},
			})
		case closed, halfOpen: // above
		}
	}
}

// The time to wait comes through TripFor or through a permit, and an open breaker treats both
// alike.
func TestExtending(t *testing.T) {
	from := state{cooling, 6, 1, 3, 0, 0}
	for name, waits := range map[string]func(d time.Duration) step{
		"TripFor":                              tripFor,
		"a report through an older permit":     func(d time.Duration) step { return retryAfter(5, d) },
		"a report through a permit of its own": func(d time.Duration) step { return retryAfter(6, d) },
	} {
		longer := rule{
			"a time that ends after the open period starts a new one/" + name, usual(),
			from,
			waits(10*time.Second + 1),
			state{cooling, 7, 1, 3, 0, 0},
			one("open", "open", 7, "tripped", 3, 1),
		}
		runCooling(t, 10*time.Second, []rule{
			longer,
			{"a time that ends with the open period changes nothing/" + name, usual(), from, waits(10 * time.Second), from, nil},
			{"a time that ends before it changes nothing/" + name, usual(), from, waits(1), from, nil},
		})
		longer.sentence = "the slack does not count toward the covered time/" + name
		runCooling(t, 10*time.Second-1, []rule{{
			longer.sentence, usual(), from, waits(10 * time.Second), longer.to, longer.published,
		}})
	}

	t.Run("a new open period cools for the time and a tenth, at most a second more", func(t *testing.T) {
		for d, want := range map[time.Duration]time.Duration{
			1:                      1,
			9:                      9,
			10:                     11,
			2 * second:             2*second + 200*time.Millisecond,
			10 * second:            11 * second,
			120 * second:           121 * second,
			math.MaxInt64 - second: math.MaxInt64,
			math.MaxInt64:          math.MaxInt64,
		} {
			for _, m := range []*model.Model{
				model.New(usual()), model.At(usual(), from), model.At(usual(), state{due, 6, 1, 3, 0, 0}),
				model.At(usual(), state{halfOpen, 6, 1, 3, 1, 0}),
			} {
				again := model.At(usual(), m.State())
				m.TripFor(d)
				assert.Equal(t, want, m.RetryAfter(), "TripFor %v", d)
				again.FailureRetryAfter(again.State().Generation, d)
				assert.Equal(t, want, again.RetryAfter(), "report %v", d)
			}
		}
	})
}

func TestForceAndReset(t *testing.T) {
	for _, from := range everyPhase() {
		name := from.Phase.String()
		public := from.Phase.Public()

		reset := rule{
			"Reset closes from any other phase, all 0 but the generation/" + name, usual(), from,
			(*model.Model).Reset,
			state{Phase: closed, Generation: 7},
			one(public, "closed", 7, "reset", 0, 0),
		}
		if from.Phase == closed {
			reset.sentence = "Reset on a closed breaker clears failures and attempt, and publishes nothing"
			reset.to, reset.published = state{Phase: closed, Generation: 6}, nil
		}

		open := rule{
			"ForceOpen holds, and keeps failures and attempt/" + name, usual(), from,
			(*model.Model).ForceOpen,
			state{forcedOpen, 7, from.Attempt, from.Failures, 0, 0},
			one(public, "forced_open", 7, "forced", from.Failures, from.Attempt),
		}
		if from.Phase == forcedOpen {
			open.sentence, open.to, open.published = "ForceOpen twice is ForceOpen once", from, nil
		}

		shut := rule{
			"ForceClosed holds, and keeps failures and attempt/" + name, usual(), from,
			(*model.Model).ForceClosed,
			state{forcedClosed, 7, from.Attempt, from.Failures, 0, 0},
			one(public, "forced_closed", 7, "forced", from.Failures, from.Attempt),
		}
		if from.Phase == forcedClosed {
			shut.sentence, shut.to, shut.published = "ForceClosed twice is ForceClosed once", from, nil
		}
		run(t, []rule{reset, open, shut})
	}
}

func TestPublishing(t *testing.T) {
	t.Run("every published transition takes exactly one generation, in order", func(t *testing.T) {
		m := model.New(usual())
		assert.Equal(t, state{}, m.State(), "a new breaker is the zero state")
		m.Trip()
		m.TripFor(time.Minute)
		m.Advance(61 * time.Second)
		m.Admit()
		m.RecordFailure()
		m.ForceClosed()
		m.ForceOpen()
		m.Reset()
		assert.Equal(t, []transition{
			{"closed", "open", 1, "tripped", 0, 0},
			{"open", "open", 2, "tripped", 0, 0},
			{"open", "half_open", 3, "probe_admitted", 0, 0},
			{"half_open", "open", 4, "probe_failed", 0, 1},
			{"open", "forced_closed", 5, "forced", 0, 1},
			{"forced_closed", "forced_open", 6, "forced", 0, 1},
			{"forced_open", "closed", 7, "reset", 0, 0},
		}, m.Transitions())
		assert.Nil(t, m.Transitions(), "a transition was returned twice")
	})

	t.Run("phases have names, and open is two of them", func(t *testing.T) {
		names := map[model.Phase][2]string{
			closed:       {"closed", "closed"},
			cooling:      {"cooling", "open"},
			due:          {"due", "open"},
			halfOpen:     {"half_open", "half_open"},
			forcedOpen:   {"forced_open", "forced_open"},
			forcedClosed: {"forced_closed", "forced_closed"},
		}
		for phase, want := range names {
			assert.Equal(t, want, [2]string{phase.String(), phase.Public()})
		}
		assert.Equal(t, "Phase(6)", model.Phase(6).String())
	})

	t.Run("concurrent callers lose nothing", func(t *testing.T) {
		const callers, calls = 8, 500
		c := usual()
		c.FailureThreshold = callers*calls + 1
		m := model.New(c)
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range calls {
					gen, _ := m.Admit()
					m.Failure(gen)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, callers*calls, m.State().Failures)
	})
}
