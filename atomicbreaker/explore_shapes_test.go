// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/atomic"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// whole explores every shape from every word with the whole alphabet, which takes hours. Otherwise
// the two larger shapes use the short alphabet and start from the words of the last two
// configurations.
var whole = os.Getenv("EXPLORE") == "all"

// bases are the generations in which runs start: an ordinary one, and the last before the wrap.
var bases = []uint32{5, word.MaxGeneration}

// short has one operation for each way in which two operations can interfere. The others take the
// same steps with another event, and are covered in pairs.
func short(ops []operation) []operation {
	names := []string{
		"TryAcquire", "RecordSuccess", "Failure current", "Failure newer", "Cancel current", "Elapsed current", "Trip", "TripFor",
		"Reset", "ForceOpen", "Snapshot",
	}
	return slices.DeleteFunc(slices.Clone(ops), func(op operation) bool { return !slices.Contains(names, op.name) })
}

// tally counts what was explored.
type tally struct{ programs, interleavings, runs int }

// task explores, from one word, all programs of a shape whose first operation is op.
type task struct {
	config   model.Config
	start    word.Word
	alphabet []operation
	first    int
}

// each explores all tasks on all processors and returns the sum of the counts.
func each(t *testing.T, threads int, tasks []task, programs func(x *explorer, c task) error) tally {
	t.Helper()
	return eachBy(t, newExplorer, threads, tasks, programs)
}

// eachBy is each with a custom explorer.
func eachBy(
	t *testing.T, build func(model.Config, int) *explorer, threads int, tasks []task,
	programs func(x *explorer, c task) error,
) tally {
	t.Helper()
	var next atomic.Int32
	var sum tally
	done := 0
	var mutex sync.Mutex // for sum and done
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Inc()) - 1; i < len(tasks) && !t.Failed(); i = int(next.Inc()) - 1 {
				x := build(tasks[i].config, threads)
				err := programs(x, tasks[i])
				x.s.Close()
				assert.NoError(t, err)
				mutex.Lock()
				sum.programs += x.programs
				sum.interleavings += x.interleavings
				sum.runs += x.runs
				if done++; whole && done*20/len(tasks) > (done-1)*20/len(tasks) {
					t.Logf("%d of %d parts: %d programs, %d interleavings", done, len(tasks), sum.programs, sum.interleavings)
				}
				mutex.Unlock()
			}
		})
	}
	workers.Wait()
	return sum
}

func tasks(configs []model.Config, bases []uint32, letters func([]operation) []operation) (all []task) {
	for _, base := range bases {
		ops := letters(alphabet(base))
		for _, c := range configs {
			for _, w := range words(c, base) {
				for first := range ops {
					all = append(all, task{c, w, ops, first})
				}
			}
		}
	}
	return all
}

func everything(ops []operation) []operation { return ops }

// pairs is the shape 1,1: every operation against every other.
func pairs(x *explorer, c task) error {
	for _, b := range c.alphabet[c.first:] {
		if err := x.explore(c.start, [][]operation{{c.alphabet[c.first]}, {b}}); err != nil {
			return err
		}
	}
	return nil
}

// TestExplore_Pairs explores the whole shape 1,1: nine configurations, every word, every pair of
// operations. It checks I1, I2, I3 and I6.
func TestExplore_Pairs(t *testing.T) {
	n := each(t, 2, tasks(configs(), bases, everything), pairs)
	t.Logf("1,1: %d programs, %d interleavings, %d runs", n.programs, n.interleavings, n.runs)
	assert.GreaterOrEqual(t, n.programs, 50_000)
	assert.GreaterOrEqual(t, n.interleavings, 600_000)
}

// TestExplore_SameTwice checks that an exploration depends on the program alone.
func TestExplore_SameTwice(t *testing.T) {
	few := tasks(configs()[7:8], bases[:1], everything)
	once := each(t, 2, few, pairs)
	assert.Equal(t, once, each(t, 2, few, pairs))
}

// TestExplore_NothingIsSkipped checks that skipping known states, which makes the larger shapes
// possible, changes nothing else. An exploration that skips counts as many interleavings as one
// that runs them all, and reaches the same ends.
func TestExplore_NothingIsSkipped(t *testing.T) {
	all := tasks(configs()[7:], bases[1:], short)
	for i := 0; i < len(all); i += 31 {
		c := all[i]
		for _, shape := range []struct {
			threads  int
			programs func(*explorer, task) error
		}{{2, pairs}, {3, threes}} {
			quick, plain := newExplorer(c.config, shape.threads), newExplorer(c.config, shape.threads)
			plain.s.Shared = nil
			quick.ends, plain.ends = map[string]bool{}, map[string]bool{}
			c.alphabet = c.alphabet[:min(len(c.alphabet), c.first+4)]
			require.NoError(t, shape.programs(quick, c))
			require.NoError(t, shape.programs(plain, c))
			require.Equal(t, plain.runs, quick.interleavings)
			require.Equal(t, plain.ends, quick.ends)
			quick.s.Close()
			plain.s.Close()
		}
	}
}

// larger returns the tasks of the shapes 2,1 and 1,1,1.
func larger() []task {
	if whole {
		return tasks(configs(), bases, everything)
	}
	return tasks(configs()[7:], bases[:1], short)
}

// twoAndOne is the shape 2,1: every two operations, one after the other, against every third.
func twoAndOne(x *explorer, c task) error {
	for _, b := range c.alphabet {
		for _, d := range c.alphabet {
			if err := x.explore(c.start, [][]operation{{c.alphabet[c.first], b}, {d}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// threes is the shape 1,1,1.
func threes(x *explorer, c task) error {
	for i, b := range c.alphabet[c.first:] {
		for _, d := range c.alphabet[c.first+i:] {
			if err := x.explore(c.start, [][]operation{{c.alphabet[c.first]}, {b}, {d}}); err != nil {
				return err
			}
		}
	}
	return nil
}

func TestExplore_TwoAndOne(t *testing.T) {
	n := each(t, 2, larger(), twoAndOne)
	t.Logf("2,1: %d programs, %d interleavings, %d runs", n.programs, n.interleavings, n.runs)
	assert.GreaterOrEqual(t, n.programs, 20_000)
	assert.GreaterOrEqual(t, n.interleavings, 400_000)
}

func TestExplore_Threes(t *testing.T) {
	n := each(t, 3, larger(), threes)
	t.Logf("1,1,1: %d programs, %d interleavings, %d runs", n.programs, n.interleavings, n.runs)
	assert.GreaterOrEqual(t, n.programs, 5_000)
	assert.GreaterOrEqual(t, n.interleavings, 400_000)
}

// TestExplore_DrawnSchedule lets rapid draw larger programs, and the order of their accesses before
// they run. A failure shrinks to a few operations, and rapid repeats it from its file in testdata.
func TestExplore_DrawnSchedule(t *testing.T) {
	all, alphabets := configs(), [][]operation{alphabet(bases[0]), alphabet(bases[1])}
	explorers := make([]*explorer, len(all))
	for i, c := range all {
		explorers[i] = newExplorer(c, 3)
		explorers[i].out.failed = make(map[position]bool)
		defer explorers[i].s.Close()
	}
	names := make([]string, len(alphabets[0]))
	for i, op := range alphabets[0] {
		names[i] = op.name
	}
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(all)-1).Draw(t, "configuration")
		base := rapid.IntRange(0, len(bases)-1).Draw(t, "base")
		start := rapid.SampledFrom(words(all[i], bases[base])).Draw(t, "start")
		drawn := rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom(names), 1, 8), 2, 3).Draw(t, "program")
		schedule := rapid.SliceOfN(rapid.IntRange(0, 2), 0, 60).Draw(t, "schedule")

		program := make([][]operation, len(drawn))
		for j, ops := range drawn {
			for _, name := range ops {
				program[j] = append(program[j], alphabets[base][slices.Index(names, name)])
			}
		}
		x := explorers[i]
		if err := x.follow(start, program, schedule); err != nil {
			explorers[i] = newExplorer(all[i], 3) // a failed run leaves the hooks' queue in an unknown state
			explorers[i].out.failed = make(map[position]bool)
			t.Fatal(err)
		}
		runs++
	})
	t.Logf("%d programs", runs)
	require.Positive(t, runs)
}
