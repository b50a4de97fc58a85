// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/internal/history"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

const (
	historiesDir = "../testdata/histories"
	judgeWithin  = 30 * time.Second // a verdict takes well under a millisecond; undecided fails
)

// configurations are those of the breakers that are raced for.
func configurations() []model.Config {
	atOnce := counts(2, 1, 1)
	atOnce.RecoveryTimeout = 0
	backsOff := counts(1, 2, 1)
	backsOff.BackoffMax = 48 * time.Hour
	rate := counts(2, 2, 2)
	rate.FailureWeight, rate.SuccessWeight = 3, 1 // a rate of one in four, see runProgram
	return []model.Config{
		counts(1, 1, 1), counts(2, 1, 2), counts(3, 2, 3), counts(2, 3, 2), counts(1, 3, 1), atOnce, backsOff, rate,
	}
}

// raced counts what the histories of a test showed, so that a run which raced nothing fails.
type raced struct {
	histories, overlapping, pairs, operations, transitions int
	kinds                                                  map[history.Kind]int
}

func (r *raced) add(h *history.History) {
	r.histories++
	if pairs := h.Overlaps(); pairs > 0 {
		r.overlapping++
		r.pairs += pairs
	}
	r.operations += len(h.Operations)
	r.transitions += len(h.Told)
	for _, o := range h.Operations {
		r.kinds[o.Kind]++
	}
}

// TestLinearizability draws programs, runs each on a real breaker with real goroutines, and asks for an order of the
// calls in which the model answers the same. It follows RAPID_CHECKS and -rapid.seed as rapid's own checks do. Rapid
// draws the programs and does not run them: it shrinks what fails again when it is run again, and a race may not.
func TestLinearizability(t *testing.T) {
	replayFailures(t)
	wanted, first := historiesWanted(t)
	seed, start, all := first, time.Now(), raced{kinds: make(map[history.Kind]int)}
	needed := wanted / 2
	if runtime.GOMAXPROCS(0) < 2 {
		t.Log("one processor: goroutines take turns there, so no overlapping operations are asked for")
		needed = 0
	}
	// On a busy machine more histories are run, for a while, until enough of them have overlapping operations.
	for all.histories < wanted || all.overlapping < needed && time.Since(start) < 20*time.Second {
		// More goroutines than two find nothing that two do not, and take longer, so they are the exception.
		threads := []int{2, 2, 2, 2, 2, 3, 4}[all.histories/historyBatch%7]
		for _, h := range racePrograms(t, drawnPrograms(threads, seed)) {
			h.Seed = seed
			seed++
			all.add(h)
			if err := history.Judge(h, judgeWithin); err != nil {
				t.Fatalf("history %d: %v\n%s\n\nmade smaller:\n%v", all.histories, keepHistory(t, h), err, smallerProgram(t, h))
			}
		}
	}
	t.Logf("%d histories of %d configurations, seeds from %d, in %v: %d with overlapping operations (%.1f %%), %d pairs; "+
		"%d operations %v, %d transitions", all.histories, len(configurations()), first, time.Since(start).Round(time.Millisecond),
		all.overlapping, 100*float64(all.overlapping)/float64(all.histories), all.pairs, all.operations, all.kinds,
		all.transitions)
	if all.overlapping < needed {
		t.Logf("fewer than %d with overlapping operations: this machine is busy and lets few goroutines run at the same time; "+
			"%d are taken for enough then", needed, needed/10)
		needed /= 10
	}
	assert.GreaterOrEqual(t, all.overlapping, needed, "histories with overlapping operations: too little raced")
	assert.GreaterOrEqual(t, all.transitions, all.histories, "transitions: too little happened")
	for kind := range history.Word {
		if kind != history.Do {
			assert.NotZero(t, all.kinds[kind], "%v was never called", kind)
		}
	}
}

// historiesWanted returns how many histories are wanted, and the seed of the first.
func historiesWanted(t *testing.T) (n int, seed uint64) {
	t.Helper()
	n, err := strconv.Atoi(flag.Lookup("rapid.checks").Value.String())
	require.NoError(t, err)
	seed, err = strconv.ParseUint(flag.Lookup("rapid.seed").Value.String(), 0, 64)
	require.NoError(t, err)
	if seed == 0 {
		seed = uint64(rand.Int32())
	}
	return max(n, 1000), seed
}

// historyBatch is how many histories are run before they are judged. In between the runner's goroutines stay on their
// processors, however busy these are otherwise; judging would send them away.
const historyBatch = 100

// racePrograms runs programs, all for the same number of goroutines.
func racePrograms(t *testing.T, programs []*history.Program) []*history.History {
	t.Helper()
	runner := history.NewRunner(len(programs[0].Threads))
	defer runner.Close()
	made := make([]*history.History, len(programs))
	for i, p := range programs {
		made[i] = runProgram(t, runner, p)
	}
	return made
}

// keepHistory writes a history that was refused to a file, and says where. The program in it is run again, many times, by the
// next run of the test.
func keepHistory(t *testing.T, h *history.History) string {
	t.Helper()
	dir := filepath.Join(historiesDir, "failures")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("seed-%d.json", h.Seed)))
	require.NoError(t, err)
	require.NoError(t, h.Write(f))
	require.NoError(t, f.Close())
	return "written to " + f.Name() + ", whose program runs first until the file is removed"
}

// smallerProgram drops goroutines and steps from the program of a refused history as long as that is refused again, within many
// runs, and returns the last verdict.
func smallerProgram(t *testing.T, h *history.History) error {
	t.Helper()
	found, program := errors.New("it was not refused again"), h.Program
	for start := time.Now(); ; {
		less := func() *history.Program {
			for p := range program.Smaller {
				if time.Since(start) > 10*time.Second {
					return nil
				}
				if err := refusedAgain(t, p); err != nil {
					found = err
					return p
				}
			}
			return nil
		}()
		if less == nil {
			return found
		}
		program = less
	}
}

// refusedAgain runs a program many times and returns the first verdict against it, or nil.
func refusedAgain(t *testing.T, p *history.Program) error {
	t.Helper()
	for range 5 {
		for _, h := range racePrograms(t, slices.Repeat([]*history.Program{p}, historyBatch)) {
			if err := history.Judge(h, judgeWithin); err != nil {
				return err
			}
		}
	}
	return nil
}

// replayFailures runs the programs whose histories were refused before.
func replayFailures(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(historiesDir, "failures", "*.json"))
	require.NoError(t, err)
	for _, name := range names {
		h := readHistory(t, name)
		require.NotNil(t, h.Program, name)
		require.NoError(t, refusedAgain(t, h.Program), "%s, once more", name)
	}
}

// readHistory returns the history in a file.
func readHistory(t *testing.T, name string) *history.History {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	h := new(history.History)
	require.NoError(t, json.Unmarshal(text, h))
	return h
}

// TestHistories_Replay shows that the judge accepts what is right, however strange it looks, and refuses what is wrong,
// by however little.
func TestHistories_Replay(t *testing.T) {
	for _, r := range []struct {
		dir   string
		want  error
		least int
	}{
		{"good", nil, 6},
		{"bad", history.ErrRefused, 8},
	} {
		names, err := filepath.Glob(filepath.Join(historiesDir, r.dir, "*.json"))
		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(names), r.least, "golden histories in %s", r.dir)
		for _, name := range names {
			t.Run(r.dir+"/"+filepath.Base(name), func(t *testing.T) {
				h := readHistory(t, name)
				assert.NotEmpty(t, h.Why)
				assert.ErrorIs(t, history.Judge(h, judgeWithin), r.want)
			})
		}
	}
}

// drawnPrograms draws a batch of programs, one from each seed, the configurations in turn.
func drawnPrograms(threads int, seed uint64) []*history.Program {
	programs, configs := make([]*history.Program, historyBatch), configurations()
	for i := range programs {
		c := configs[i%len(configs)]
		drawn := rapid.Custom(func(t *rapid.T) *history.Program { return drawnProgram(t, c, threads) })
		programs[i] = drawn.Example(int(seed) + i)
	}
	return programs
}

// drawnProgram draws what a few goroutines are to do to one breaker, and where that starts.
func drawnProgram(t *rapid.T, c model.Config, threads int) *history.Program {
	p := &history.Program{Config: c, Start: drawnStart(t, c)}
	p.Permits = rapid.SampledFrom([][]int{{0}, {0, 0, 0}, {-1, 0}, {-1, 1, 0}, {0, -2, 1}}).Draw(t, "permits")
	// Programs made of few kinds of operation get in each other's way more often than those made of all.
	few, all := rapid.SliceOfN(rapid.SampledFrom(drawnOps), 3, 8), rapid.Just(drawnOps)
	ops := rapid.OneOf(few, few, all).Draw(t, "ops")
	step := rapid.Custom(func(t *rapid.T) history.Step { return drawnStep(t, c, ops) })
	edge := rapid.Custom(func(t *rapid.T) history.Step { return drawnStep(t, c, edgeOps[p.Start.Phase]) })
	for range threads {
		// The first calls meet most closely, so they are often those that the start is ready for.
		steps := rapid.SliceOfN(rapid.OneOf(edge, edge, step), 1, 2).Draw(t, "first")
		p.Threads = append(p.Threads, append(steps, rapid.SliceOfN(step, 3, 10).Draw(t, "steps")...))
	}
	return p
}

// drawnStart prefers the edges: a limit that the next call reaches, a generation after which the count starts again.
func drawnStart(t *rapid.T, c model.Config) model.State {
	s := model.State{
		Phase: rapid.SampledFrom([]model.Phase{
			model.Closed, model.Closed, model.Due, model.Due, model.HalfOpen, model.HalfOpen, model.HalfOpen,
			model.Cooling, model.ForcedOpen, model.ForcedClosed,
		}).Draw(t, "phase"),
		Generation: rapid.SampledFrom([]uint32{0, 6, word.MaxGeneration - 3, word.MaxGeneration}).Draw(t, "generation"),
		Attempt:    rapid.SampledFrom([]int{0, 1, word.MaxAttempt}).Draw(t, "attempt"),
	}
	limit := c.FailureThreshold * max(1, c.FailureWeight)
	s.Failures = limit
	switch s.Phase { //nolint:exhaustive // the others keep what tripped them
	case model.Closed:
		s.Failures = rapid.SampledFrom([]int{0, limit - 1}).Draw(t, "failures")
	case model.HalfOpen:
		s.Calls = rapid.IntRange(0, c.HalfOpenMaxCalls).Draw(t, "calls")
		s.Successes = rapid.IntRange(0, c.SuccessThreshold-1).Draw(t, "successes")
	}
	return s
}

// What is drawn more often is what callers do; what holds the breaker in one state is rare, for little happens then.
var drawnOps = []history.Kind{
	history.Allow, history.Allow, history.Allow, history.TryAcquire, history.TryAcquire, history.TryAcquire,
	history.TryAcquire, history.Success, history.Success, history.Success, history.Failure, history.Failure,
	history.FailureRetryAfter, history.FailureRetryAfter, history.Cancel, history.Do, history.Do, history.Do, history.RecordSuccess, history.RecordSuccess,
	history.RecordFailure, history.RecordFailure, history.RecordFailure, history.Elapsed, history.Elapsed,
	history.Elapsed, history.Elapsed, history.Trip, history.Trip, history.TripFor, history.Reset, history.Reset,
	history.ForceOpen, history.ForceClosed, history.State, history.Snapshot, history.Snapshot, history.RetryAfter,
}

// edgeOps are those that change a breaker in a phase, or depend on who came first.
var edgeOps = map[model.Phase][]history.Kind{
	model.Closed: {
		history.RecordFailure, history.RecordFailure, history.Failure, history.FailureRetryAfter, history.RecordSuccess,
		history.Success, history.TryAcquire, history.Trip,
	},
	model.Cooling: {
		history.Elapsed, history.Elapsed, history.Allow, history.TripFor, history.FailureRetryAfter, history.Reset,
	},
	model.Due: {history.Allow, history.TryAcquire, history.TryAcquire, history.Do, history.Snapshot, history.TripFor},
	model.HalfOpen: {
		history.TryAcquire, history.Do, history.Success, history.Success, history.Failure, history.FailureRetryAfter,
		history.Cancel, history.Elapsed, history.Reset,
	},
	model.ForcedOpen:   {history.Reset, history.ForceClosed, history.TryAcquire},
	model.ForcedClosed: {history.Reset, history.ForceOpen, history.TryAcquire},
}

func drawnStep(t *rapid.T, c model.Config, ops []history.Kind) history.Step {
	s := history.Step{Op: rapid.SampledFrom(ops).Draw(t, "op")}
	switch s.Op { //nolint:exhaustive // the others take no argument
	case history.Success, history.Failure, history.FailureRetryAfter, history.Cancel:
		s.Alias = rapid.Bool().Draw(t, "alias")
		s.Permit = rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "permit")
	case history.Trip, history.TripFor:
		s.Alias = rapid.Bool().Draw(t, "alias")
	case history.Elapsed:
		s.Offset = rapid.SampledFrom([]int{0, 0, 0, 0, -1, 1}).Draw(t, "offset")
		s.Successes = rapid.SampledFrom([]int{-1, -1, 0, c.SuccessThreshold - 1}).Draw(t, "successes")
	case history.Do:
		s.Alias = rapid.Bool().Draw(t, "alias")
		s.End = rapid.SampledFrom([]history.End{
			history.Returns, history.Returns, history.Fails, history.FailsRetryAfter, history.Ignored, history.Panics,
		}).Draw(t, "end")
		// No Do inside: the judge keeps one admission for each goroutine.
		inside := slices.DeleteFunc(slices.Clone(ops), func(k history.Kind) bool { return k == history.Do })
		for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "inside") {
			if len(inside) > 0 {
				s.Body = append(s.Body, drawnStep(t, c, inside))
			}
		}
	}
	return s
}
