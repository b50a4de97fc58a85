// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/atomic"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// timedConfigs differ in whether probes share a timer and whether a success voids it.
func timedConfigs() []model.Config {
	var all []model.Config
	for _, c := range [][2]int{{1, 1}, {2, 1}, {1, 2}, {2, 2}} {
		all = append(all, model.Config{
			FailureThreshold: 1, HalfOpenMaxCalls: c[0], SuccessThreshold: c[1],
			RecoveryTimeout: time.Hour, ProbeTimeout: 40 * time.Minute,
		})
	}
	return all
}

// timedWords are the words of periods that have a timer, and those from which one event leads to
// such a period.
func timedWords(base uint32) []word.Word {
	return []word.Word{
		word.Pack(word.Fields{Generation: base}),
		word.Pack(word.Fields{Generation: base, Attempt: 2}),
		word.Pack(word.Fields{Phase: word.Cooling, Generation: base, Attempt: 1, Failures: 1}),
		word.Pack(word.Fields{Phase: word.Due, Generation: base, Attempt: 1, Failures: 1}),
		word.Pack(word.Fields{Phase: word.HalfOpen, Generation: base, Attempt: 1, Failures: 1}),
		word.Pack(word.Fields{Phase: word.HalfOpen, Generation: base, Attempt: 1, Failures: 1, Calls: 1}),
	}
}

// timedAlphabet has every way to begin, extend and end a period that has a timer.
func timedAlphabet(base uint32) []operation {
	names := []string{
		"TryAcquire", "Success current", "Success newer", "Failure current", "Failure newer", "Cancel current",
		"Cancel newer", "RetryAfter current", "RetryAfter older", "Trip", "TripFor", "Reset", "RecordFailure",
	}
	ops := slices.DeleteFunc(alphabet(base), func(op operation) bool { return !slices.Contains(names, op.name) })
	return append(ops, tripFor("TripFor short", 30*time.Minute))
}

// timedShape is a form of program, with the number of timers that fire in it.
type timedShape struct {
	name           string
	threads, fires int
	programs       func(*explorer, task) error
	configs        []model.Config
	words          []word.Word
	letters        func([]operation) []operation
}

func (s timedShape) tasks() (all []task) {
	ops := s.letters(timedAlphabet(word.MaxGeneration))
	for _, c := range s.configs {
		for _, w := range s.words {
			for first := range ops {
				all = append(all, task{c, w, ops, first})
			}
		}
	}
	return all
}

// shortest has one operation for each way to interfere with a timer that fires at the same time.
func shortest(ops []operation) []operation {
	names := []string{"TryAcquire", "Failure current", "TripFor", "TripFor short", "Reset"}
	return slices.DeleteFunc(slices.Clone(ops), func(op operation) bool { return !slices.Contains(names, op.name) })
}

// one and two are programs of a single thread, which races only with the timers.
func one(x *explorer, c task) error {
	return x.explore(c.start, [][]operation{{c.alphabet[c.first]}})
}

func two(x *explorer, c task) error {
	for _, b := range c.alphabet {
		if err := x.explore(c.start, [][]operation{{c.alphabet[c.first], b}}); err != nil {
			return err
		}
	}
	return nil
}

// timedShapes limits the second and the last shape to one configuration, unless whole is set. The
// last shape also leaves out the words with a probe in flight or a stability timer pending, which
// have a hundred times the interleavings of the others.
func timedShapes() []timedShape {
	all, words := timedConfigs(), timedWords(word.MaxGeneration)
	few, waiting := all[3:], slices.DeleteFunc(slices.Clone(words), func(w word.Word) bool {
		return w.Phase() == word.Closed && w.Attempt() > 0 || w.Calls() > 0
	})
	if whole {
		few, waiting = all, words
	}
	return []timedShape{
		{"1, two timers", 1, 2, one, all, words, everything},
		{"2, one timer", 1, 1, two, few, words, everything},
		{"1,1, no timer", 2, 0, pairs, all, words, everything},
		{"1,1, one timer", 2, 1, pairs, few, waiting, shortest},
	}
}

// TestExploreTimer_All explores small programs with the timers that they start: every interleaving
// of their accesses with those of the timers that fire. It checks I3 and I9.
func TestExploreTimer_All(t *testing.T) {
	sum := tally{}
	for _, s := range timedShapes() {
		build := func(c model.Config, threads int) *explorer { return newTimedExplorer(c, threads, s.fires) }
		n := eachBy(t, build, s.threads, s.tasks(), s.programs)
		t.Logf("%s: %d programs, %d interleavings, %d runs", s.name, n.programs, n.interleavings, n.runs)
		sum.programs += n.programs
		sum.interleavings += n.interleavings
	}
	assert.GreaterOrEqual(t, sum.programs, 4_000)
	assert.GreaterOrEqual(t, sum.interleavings, 1_000_000_000)
}

// TestExploreTimer_NothingIsSkipped is TestExplore_NothingIsSkipped with timers.
func TestExploreTimer_NothingIsSkipped(t *testing.T) {
	for _, s := range timedShapes()[:3] {
		s.letters = shortest
		if s.fires > 1 {
			s.fires = 1
		}
		all := s.tasks()
		for i := 0; i < len(all); i += 7 {
			c := all[i]
			c.alphabet = c.alphabet[:min(len(c.alphabet), c.first+2)]
			quick, plain := newTimedExplorer(c.config, s.threads, s.fires), newTimedExplorer(c.config, s.threads, s.fires)
			plain.s.Shared = nil
			quick.ends, plain.ends = map[string]bool{}, map[string]bool{}
			require.NoError(t, s.programs(quick, c))
			if quick.interleavings < 200_000 {
				require.NoError(t, s.programs(plain, c))
				require.Equal(t, plain.runs, quick.interleavings)
				require.Equal(t, plain.ends, quick.ends)
			}
			quick.s.Close()
			plain.s.Close()
		}
	}
}

// TestExploreTimer_Drawn runs larger programs, with up to three timers that fire, in orders drawn
// at random. The seed is the number of the run, so a failure names everything that is needed to
// repeat it.
func TestExploreTimer_Drawn(t *testing.T) {
	runs := int64(1_000_000)
	if n := os.Getenv("EXPLORE_DRAWN"); n != "" {
		var err error
		runs, err = strconv.ParseInt(n, 10, 64)
		require.NoError(t, err, "EXPLORE_DRAWN")
	}
	configs, base := timedConfigs(), uint32(word.MaxGeneration)
	words, ops := timedWords(base), timedAlphabet(base)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			explorers := make([]*explorer, len(configs))
			for i, c := range configs {
				x := newTimedExplorer(c, 3, 3)
				x.s.Shared, x.out.failed = nil, make(map[position]bool)
				defer x.s.Close()
				explorers[i] = x
			}
			schedule := make([]int, 80)
			for seed := next.Inc(); seed <= runs && !t.Failed(); seed = next.Inc() {
				random := rand.New(rand.NewPCG(uint64(seed), 0))
				x := explorers[random.IntN(len(explorers))]
				program := make([][]operation, 2+random.IntN(2))
				for i := range program {
					program[i] = make([]operation, 1+random.IntN(4))
					for j := range program[i] {
						program[i][j] = ops[random.IntN(len(ops))]
					}
				}
				for i := range schedule {
					schedule[i] = random.IntN(12) // divisible by all numbers of options up to 4
				}
				if err := x.follow(words[random.IntN(len(words))], program, schedule); err != nil {
					t.Errorf("run %d: %v", seed, err)
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d runs", min(runs, next.Load()))
}
