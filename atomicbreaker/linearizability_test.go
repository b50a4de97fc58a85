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

// configurations are those of the raced breakers.
func configurations() []model.Config {
	atOnce := counts(2, 1, 1)
	atOnce.RecoveryTimeout = 0
	backsOff := counts(1, 2, 1)
	backsOff.BackoffMax = 48 * time.Hour
	rate := counts(2, 2, 2)
	rate.FailureWeight, rate.SuccessWeight = 3, 1 // a rate of 1/4; see runProgram
	return []model.Config{
		counts(1, 1, 1), counts(2, 1, 2), counts(3, 2, 3), counts(2, 3, 2), counts(1, 3, 1), atOnce, backsOff, rate,
	}
}

// raced counts what the histories of a test covered, so that a run without any race fails.
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
	r.transitions += len(h.Received)
	for _, o := range h.Operations {
		r.kinds[o.Kind]++
	}
}

// TestLinearizability draws programs, runs each on a real breaker with real goroutines, and
// searches for an order of the calls in which the model gives the same answers (I1). It follows
// RAPID_CHECKS and -rapid.seed as rapid's own checks do. Rapid draws the programs but does not run
// them: it shrinks by running a failure again, and a race may not fail again.
func TestLinearizability(t *testing.T) {
	replayFailures(t)
	wanted, first := historiesWanted(t)
	seed, start, all := first, time.Now(), raced{kinds: make(map[history.Kind]int)}
	needed := wanted / 2
	if runtime.GOMAXPROCS(0) < 2 {
		t.Log("one processor: goroutines take turns, so overlapping operations are not required")
		needed = 0
	}
	// On a busy machine the test runs more histories, for a limited time, until enough of them have
	// overlapping operations.
	for all.histories < wanted || all.overlapping < needed && time.Since(start) < 20*time.Second {
		// Two goroutines find as much as more do, in less time, so more are the exception.
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
		t.Logf("fewer than %d with overlapping operations: the machine is busy and runs few goroutines at the same time; "+
			"%d are enough then", needed, needed/10)
		needed /= 10
	}
	assert.GreaterOrEqual(t, all.overlapping, needed, "too few histories with overlapping operations")
	assert.GreaterOrEqual(t, all.transitions, all.histories, "too few transitions")
	for kind := range history.Word {
		if kind != history.Do {
			assert.NotZero(t, all.kinds[kind], "%v was never called", kind)
		}
	}
}

// historiesWanted returns how many histories to run, and the seed of the first.
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

// historyBatch is how many histories run before they are judged. In between, the runner's
// goroutines stay on their processors, even on a busy machine; judging would move them off.
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

// keepHistory writes a rejected history to a file and returns its name. The next run of the test
// runs its program again, many times.
func keepHistory(t *testing.T, h *history.History) string {
	t.Helper()
	dir := filepath.Join(historiesDir, "failures")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("seed-%d.json", h.Seed)))
	require.NoError(t, err)
	require.NoError(t, h.Write(f))
	require.NoError(t, f.Close())
	return "written to " + f.Name() + "; its program runs first until the file is removed"
}

// smallerProgram removes goroutines and steps from the program of a rejected history as long as one
// of many runs is rejected again. It returns the last verdict.
func smallerProgram(t *testing.T, h *history.History) error {
	t.Helper()
	found, program := errors.New("the history was not rejected again"), h.Program
	for start := time.Now(); ; {
		less := func() *history.Program {
			for p := range program.Smaller {
				if time.Since(start) > 10*time.Second {
					return nil
				}
				if err := rejectedAgain(t, p); err != nil {
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

// rejectedAgain runs a program many times and returns the first verdict that rejects it, or nil.
func rejectedAgain(t *testing.T, p *history.Program) error {
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

// replayFailures runs the programs of histories that were rejected before.
func replayFailures(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(historiesDir, "failures", "*.json"))
	require.NoError(t, err)
	for _, name := range names {
		h := readHistory(t, name)
		require.NotNil(t, h.Program, name)
		require.NoError(t, rejectedAgain(t, h.Program), "%s, once more", name)
	}
}

// readHistory reads the history in a file.
func readHistory(t *testing.T, name string) *history.History {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	h := new(history.History)
	require.NoError(t, json.Unmarshal(text, h))
	return h
}

// TestHistories_Replay shows that the judge accepts correct histories, however strange they look,
// and rejects wrong ones, however small the error.
func TestHistories_Replay(t *testing.T) {
	for _, r := range []struct {
		dir   string
		want  error
		least int
	}{
		{"good", nil, 6},
		{"bad", history.ErrRejected, 8},
	} {
		names, err := filepath.Glob(filepath.Join(historiesDir, r.dir, "*.json"))
		require.NoError(t, err)
		assert.GreaterOrEqual(t, len(names), r.least, "too few golden histories in %s", r.dir)
		for _, name := range names {
			t.Run(r.dir+"/"+filepath.Base(name), func(t *testing.T) {
				h := readHistory(t, name)
				assert.NotEmpty(t, h.Why)
				assert.ErrorIs(t, history.Judge(h, judgeWithin), r.want)
			})
		}
	}
}

// drawnPrograms draws a batch of programs, each from its own seed, with alternating configurations.
func drawnPrograms(threads int, seed uint64) []*history.Program {
	programs, configs := make([]*history.Program, historyBatch), configurations()
	for i := range programs {
		c := configs[i%len(configs)]
		drawn := rapid.Custom(func(t *rapid.T) *history.Program { return drawnProgram(t, c, threads) })
		programs[i] = drawn.Example(int(seed) + i)
	}
	return programs
}

// drawnProgram draws the operations of a few goroutines on one breaker, and its start state.
func drawnProgram(t *rapid.T, c model.Config, threads int) *history.Program {
	p := &history.Program{Config: c, Start: drawnStart(t, c)}
	p.Permits = rapid.SampledFrom([][]int{{0}, {0, 0, 0}, {-1, 0}, {-1, 1, 0}, {0, -2, 1}}).Draw(t, "permits")
	// Programs with few kinds of operation interfere more often than programs with all kinds.
	few, all := rapid.SliceOfN(rapid.SampledFrom(drawnOps), 3, 8), rapid.Just(drawnOps)
	ops := rapid.OneOf(few, few, all).Draw(t, "ops")
	step := rapid.Custom(func(t *rapid.T) history.Step { return drawnStep(t, c, ops) })
	edge := rapid.Custom(func(t *rapid.T) history.Step { return drawnStep(t, c, edgeOps[p.Start.Phase]) })
	for range threads {
		// The first calls overlap most, so they are often the ones that matter in the start state.
		steps := rapid.SliceOfN(rapid.OneOf(edge, edge, step), 1, 2).Draw(t, "first")
		p.Threads = append(p.Threads, append(steps, rapid.SliceOfN(step, 3, 10).Draw(t, "steps")...))
	}
	return p
}

// drawnStart prefers the edges: a limit that the next call reaches, a generation that is about to
// wrap.
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

// The frequent operations are those of ordinary callers. Operations that force a state are rare,
// because little happens in it.
var drawnOps = []history.Kind{
	history.Allow, history.Allow, history.Allow, history.TryAcquire, history.TryAcquire, history.TryAcquire,
	history.TryAcquire, history.Success, history.Success, history.Success, history.Failure, history.Failure,
	history.FailureRetryAfter, history.FailureRetryAfter, history.Cancel, history.Do, history.Do, history.Do, history.RecordSuccess, history.RecordSuccess,
	history.RecordFailure, history.RecordFailure, history.RecordFailure, history.Elapsed, history.Elapsed,
	history.Elapsed, history.Elapsed, history.Trip, history.Trip, history.TripFor, history.Reset, history.Reset,
	history.ForceOpen, history.ForceClosed, history.State, history.Snapshot, history.Snapshot, history.RetryAfter,
}

// edgeOps are the operations that change a breaker in a phase, or depend on which call came first.
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
		// There is no Do inside a Do: the judge keeps one admission for each goroutine.
		inside := slices.DeleteFunc(slices.Clone(ops), func(k history.Kind) bool { return k == history.Do })
		for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "inside") {
			if len(inside) > 0 {
				s.Body = append(s.Body, drawnStep(t, c, inside))
			}
		}
	}
	return s
}
