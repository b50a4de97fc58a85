// SPDX-License-Identifier: Apache-2.0

package word_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// step is an event for Next and for the model. Generations are relative to the word that it meets.
type step struct {
	name  string
	kind  word.Kind
	bound bool
	ago   uint32 // generations between the event's and the word's
	succ  int
	model func(m *model.Model, generation uint32)
}

// alphabet returns every event: anonymous outcomes, outcomes through permits of three generations,
// timers of three generations with every count of successes up to the threshold, and the operators'
// calls.
func alphabet(successThreshold int) []step {
	steps := []step{
		{name: "allow", kind: word.Allow, model: func(m *model.Model, _ uint32) { m.Admit() }},
		{name: "success", kind: word.Success, model: func(m *model.Model, _ uint32) { m.RecordSuccess() }},
		{name: "failure", kind: word.Failure, model: func(m *model.Model, _ uint32) { m.RecordFailure() }},
		{name: "trip", kind: word.Trip, model: func(m *model.Model, _ uint32) { m.Trip() }},
		{name: "trip for", kind: word.TripFor, model: func(m *model.Model, _ uint32) { m.TripFor(time.Second) }},
		{name: "reset", kind: word.Reset, model: func(m *model.Model, _ uint32) { m.Reset() }},
		{name: "force open", kind: word.ForceOpen, model: func(m *model.Model, _ uint32) { m.ForceOpen() }},
		{name: "force closed", kind: word.ForceClosed, model: func(m *model.Model, _ uint32) { m.ForceClosed() }},
	}
	for _, ago := range []uint32{0, 1, word.MaxGeneration} { // the last is a generation ahead
		steps = append(
			steps,
			step{"permit success", word.Success, true, ago, 0, (*model.Model).Success},
			step{"permit failure", word.Failure, true, ago, 0, (*model.Model).Failure},
			step{"permit cancel", word.Cancel, true, ago, 0, (*model.Model).Cancel},
		)
		steps = append(steps, step{"permit retry-after", word.RetryAfter, true, ago, 0, retryAfter})
		for n := range successThreshold {
			steps = append(steps, step{"elapsed", word.Elapsed, true, ago, n, func(m *model.Model, g uint32) { m.Elapsed(g, n) }})
		}
	}
	return steps
}

// retryAfter is the event alone. A report that meets an open breaker also calls TripFor.
func retryAfter(m *model.Model, generation uint32) {
	if p := m.State().Phase; p != model.Cooling && p != model.Due {
		m.FailureRetryAfter(generation, time.Second)
	}
}

// state converts a word to the model's state.
func state(w word.Word) model.State {
	return model.State{
		Phase: model.Phase(w.Phase()), Generation: w.Generation(), Attempt: int(w.Attempt()),
		Failures: int(w.Failures()), Calls: int(w.Calls()), Successes: int(w.Successes()),
	}
}

// reach visits every word that can be reached from start and compares each step from each word with
// the model. To keep the walk finite, it stops where the generation is four ahead of that of start,
// and does not follow attempt above 2 unless it starts there.
func reach(t *testing.T, p *word.Params, c model.Config, start word.Word, edges *int) (words int) {
	t.Helper()
	steps := alphabet(c.SuccessThreshold)
	seen := map[word.Word]bool{start: true}
	for queue := []word.Word{start}; len(queue) > 0; queue = queue[1:] {
		from := queue[0]
		for _, s := range steps {
			generation := (from.Generation() - s.ago) & word.MaxGeneration
			e := word.Event{Kind: s.kind, Bound: s.bound, Generation: generation, Successes: uint8(s.succ)}
			next := word.Next(from, e, p)

			m := model.At(c, state(from))
			s.model(m, generation)
			if m.State() != state(next) {
				require.Failf(t, "the word and the model differ", "from %+v by %s of generation %d\nthe word goes to %+v\nthe model to %+v",
					state(from), s.name, generation, state(next), m.State())
			}
			counted := from
			if s.kind == word.Failure && from.Phase() == word.Closed && next.Phase() == word.Closed {
				counted = next
			}
			if from.Counted(e, p) != counted {
				require.Failf(t, "Counted and Next differ", "from %+v by %s of generation %d\nNext goes to %+v\nCounted to %+v",
					state(from), s.name, generation, state(next), state(from.Counted(e, p)))
			}
			published := m.Transitions()
			if (len(published) == 1) != (next.Generation() != from.Generation()) {
				require.Failf(t, "a transition is a new generation", "from %+v by %s to %+v, published %v",
					state(from), s.name, state(next), published)
			}
			*edges++
			ahead := (next.Generation() - start.Generation()) & word.MaxGeneration
			if !seen[next] && ahead <= 4 && next.Attempt() <= max(2, start.Attempt()) {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return len(seen)
}

// TestReach_SameAsModel compares Next with the model in every word that thresholds 1..5 can reach,
// for every event, from the first generation, an ordinary one and the last ones before the wrap. It
// checks I2, I3 and I5.
func TestReach_SameAsModel(t *testing.T) {
	words, edges, configs := 0, 0, 0
	walk := func(c model.Config, p *word.Params) {
		configs++
		for _, start := range []word.Word{
			0,
			word.Pack(word.Fields{Generation: 1<<16 - 2}),
			word.Pack(word.Fields{Generation: word.MaxGeneration - 1}),
			word.Pack(word.Fields{Generation: word.MaxGeneration, Attempt: word.MaxAttempt - 1}),
		} {
			words += reach(t, p, c, start, &edges)
		}
	}
	for _, recovery := range []time.Duration{0, time.Minute} {
		for failures := 1; failures <= 5; failures++ {
			for calls := 1; calls <= 5; calls++ {
				for successes := 1; successes <= 5; successes++ {
					c := model.Config{
						FailureThreshold: failures, HalfOpenMaxCalls: calls, SuccessThreshold: successes,
						RecoveryTimeout: recovery, ProbeTimeout: time.Minute,
					}
					walk(c, &word.Params{
						FailureLimit: uint32(failures), FailureWeight: 1, SuccessWeight: word.MaxFailures,
						MaxCalls: uint32(calls), SuccessThreshold: uint32(successes), DueAtOnce: recovery == 0,
					})
				}
			}
		}
	}
	for _, weights := range [][2]int{{1, 1}, {3, 1}, {2, 3}} {
		c := model.Config{
			FailureThreshold: 3, FailureWeight: weights[0], SuccessWeight: weights[1],
			HalfOpenMaxCalls: 2, SuccessThreshold: 2, RecoveryTimeout: time.Minute, ProbeTimeout: time.Minute,
		}
		walk(c, &word.Params{
			FailureLimit: uint32(3 * weights[0]), FailureWeight: uint32(weights[0]), SuccessWeight: uint32(weights[1]),
			MaxCalls: 2, SuccessThreshold: 2,
		})
	}
	t.Logf("%d configurations, %d words, %d edges, 0 differences", configs, words, edges)
	assert.GreaterOrEqual(t, words, 300_000, "words reached")
	assert.GreaterOrEqual(t, edges, 5_000_000, "edges compared")
}

// TestWidest_SameAsModel walks at random where the fields are full: with the largest limits, from
// words near them. It checks I4.
func TestWidest_SameAsModel(t *testing.T) {
	c := model.Config{
		FailureThreshold: word.MaxFailures, HalfOpenMaxCalls: word.MaxCalls, SuccessThreshold: word.MaxSuccesses,
		RecoveryTimeout: time.Minute, ProbeTimeout: time.Minute,
	}
	p := &word.Params{
		FailureLimit: word.MaxFailures, FailureWeight: 1, SuccessWeight: word.MaxFailures,
		MaxCalls: word.MaxCalls, SuccessThreshold: word.MaxSuccesses,
	}
	steps := alphabet(1)
	random := rand.New(rand.NewPCG(1, 2))
	phases := make(map[word.Phase]int)
	for range 200_000 {
		near := func(n uint32) uint32 { return n - random.Uint32N(3) }
		from := word.Pack(word.Fields{Phase: word.Phase(random.Uint32N(6)), Generation: near(word.MaxGeneration), Attempt: near(word.MaxAttempt), Failures: near(word.MaxFailures)})
		if from.Phase() == word.HalfOpen {
			from = word.Pack(word.Fields{Phase: word.HalfOpen, Generation: from.Generation(), Attempt: from.Attempt(), Failures: from.Failures(), Calls: near(word.MaxCalls), Successes: near(word.MaxSuccesses - 1)})
		}
		phases[from.Phase()]++
		s := steps[random.IntN(len(steps))]
		generation := (from.Generation() - s.ago) & word.MaxGeneration
		e := word.Event{Kind: s.kind, Bound: s.bound, Generation: generation, Successes: uint8(from.Successes())}
		m := model.At(c, state(from))
		if s.kind == word.Elapsed {
			m.Elapsed(generation, int(from.Successes()))
		} else {
			s.model(m, generation)
		}
		require.Equal(t, m.State(), state(word.Next(from, e, p)), "from %+v by %s", state(from), s.name)
	}
	assert.Len(t, phases, 6)
}

// TestTotal calls Next with words and parameters that no breaker has. It checks that Next does not
// panic, that no field carries into another (I4), that the generation stays or moves to the next
// one, and that Reset leaves every state.
func TestTotal(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 500_000 {
		w := word.Word(random.Uint64())
		p := word.Params{
			FailureLimit: random.Uint32(), FailureWeight: random.Uint32(), SuccessWeight: random.Uint32(),
			MaxCalls: random.Uint32(), SuccessThreshold: random.Uint32(), DueAtOnce: random.IntN(2) == 0,
		}
		e := word.Event{
			Kind: word.Kind(random.Uint32N(13)), Bound: random.IntN(2) == 0,
			Generation: w.Generation() + random.Uint32N(2), Successes: uint8(random.Uint32()),
		}
		describe := func() string { return fmt.Sprintf("from %x by %+v with %+v", uint64(w), e, p) }
		next := word.Next(w, e, &p)
		step := (next.Generation() - w.Generation()) & word.MaxGeneration
		if step > 1 {
			require.Fail(t, "the generation goes up by one", describe())
		}
		if step == 1 && next.Successes()+next.Calls() > 1 {
			require.Fail(t, "half-open counts start anew", describe())
		}
		if step == 0 && next.Phase() != w.Phase() && (w.Phase() != word.Cooling || next.Phase() != word.Due) {
			require.Fail(t, "a new phase is a new generation", describe())
		}
		if word.Next(w, word.Event{Kind: word.Reset}, &p).Phase() != word.Closed {
			require.Fail(t, "Reset closes", describe())
		}
	}
}
