// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/history"
)

// soakReports is the interval between progress reports.
const soakReports = 5 * time.Second

// TestSoak races real goroutines for the duration in SOAK, such as 10m. It alternates
// TestLinearizability's drawn programs, each from a new seed, with the tests of fapilog's claims. A
// rejected history is kept in a file, and TestLinearizability runs its program again until the file
// is removed.
func TestSoak(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		t.Skip("set SOAK to a duration, or run make soak")
	}
	d, err := time.ParseDuration(os.Getenv("SOAK"))
	require.NoError(t, err, "want a duration such as 10m")
	require.Positive(t, d, "want a duration such as 10m")
	debug.SetTraceback("all")
	defer time.AfterFunc(d+2*time.Minute, func() { panic("the soak does not end") }).Stop()
	replayFailures(t)

	s := soak{all: raced{kinds: make(map[history.Kind]int)}, seed: rand.Uint64N(1 << 30), start: time.Now()}
	fmt.Printf("soak: %v, seeds from %d\n", d, s.seed)
	for reported := s.start; time.Since(s.start) < d; {
		for range 20 {
			s.race(t)
		}
		s.stress(t)
		if time.Since(reported) >= soakReports {
			reported = time.Now()
			s.report()
		}
	}
	s.report()
	require.Positive(t, s.all.histories)
	require.GreaterOrEqual(t, s.all.transitions, s.all.histories, "too few transitions")
}

type soak struct {
	all    raced
	rounds int
	seed   uint64 // of the next program
	start  time.Time
}

// race runs and judges a batch of programs.
func (s *soak) race(t *testing.T) {
	t.Helper()
	threads := []int{2, 2, 2, 2, 2, 3, 4}[s.all.histories/historyBatch%7]
	for _, h := range racePrograms(t, drawnPrograms(threads, s.seed)) {
		h.Seed = s.seed
		s.seed++
		s.all.add(h)
		if err := history.Judge(h, judgeWithin); err != nil {
			t.Fatalf("history %d: %v\n%s\n\nmade smaller:\n%v", s.all.histories, keepHistory(t, h), err, smallerProgram(t, h))
		}
	}
}

// stress runs the tests of fapilog's claims once, on threads and as coroutines. They draw nothing,
// so there is no seed to keep; a failure describes itself.
func (s *soak) stress(t *testing.T) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, run crew){
		"failures of all open":      failuresOpen,
		"outcomes race":             outcomesRace,
		"mixed":                     func(t *testing.T, run crew) { t.Helper(); mixed(t, run, 20) },
		"operators":                 operators,
		"no failure is lost":        noFailureIsLost,
		"the half-open limit holds": halfOpenLimit,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, threads)
			test(t, coroutines)
		})
		if t.Failed() {
			t.FailNow()
		}
	}
	s.rounds++
}

func (s *soak) report() {
	elapsed := time.Since(s.start)
	fmt.Printf("soak: %8v  %9d histories (%.0f/s, %.0f %% with overlapping operations), %d operations, %d transitions, %d rounds of stress\n",
		elapsed.Round(time.Second), s.all.histories, float64(s.all.histories)/elapsed.Seconds(),
		100*float64(s.all.overlapping)/float64(max(1, s.all.histories)), s.all.operations, s.all.transitions, s.rounds)
}
