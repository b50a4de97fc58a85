// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

func TestMain(m *testing.M) { scenario.RunTests(m) }

// The test runs one round of each side, to find a missing or broken loop before the program does.
func TestGoals(t *testing.T) {
	sides := append([]side{}, unallocated...)
	for _, g := range goals {
		require.NotEmpty(t, g.references, g.name)
		sides = append(append(sides, g.ours), g.references...)
	}
	for _, b := range bounds {
		sides = append(sides, b.of)
	}
	for _, s := range sides {
		loop := rivals.New(s.scenario, s.impl)
		require.NotNil(t, loop, "%v", s)
		loop(1)
	}
}

func TestSummarize(t *testing.T) {
	laps := func(times ...float64) (laps []lap) { // ours, reference, ours, reference, …
		for i := 0; i < len(times); i += 2 {
			laps = append(laps, lap{times[i], times[i+1 : i+2]})
		}
		return laps
	}
	// One round was slow for both sides, and one for ours alone. Neither may affect the ratio.
	got, _ := summarize(laps(1, 2, 10, 20, 9, 2, 1.1, 2, 1, 2))
	assert.InDelta(t, 0.5, got.ratio, 1e-9)
	assert.InDelta(t, 1.1, got.ours, 1e-9)
	assert.InDelta(t, 2, got.reference, 1e-9)

	// The ratio of the medians would be 2/2 here.
	got, _ = summarize(laps(1, 2, 2, 3, 3, 1))
	assert.InDelta(t, 2.0/3, got.ratio, 1e-9)
}

// The fastest reference is the fastest over all rounds, not that of one lucky round.
func TestSummarize_ComparesWithTheFastest(t *testing.T) {
	got, fastest := summarize([]lap{
		{1, []float64{5, 4, 1}},
		{1, []float64{5, 2, 9}},
		{1, []float64{5, 4, 9}},
	})
	assert.Equal(t, 1, fastest)
	assert.InDelta(t, 0.25, got.ratio, 1e-9)
	assert.InDelta(t, 4, got.reference, 1e-9)
}

func TestMedian(t *testing.T) {
	assert.InDelta(t, 7, median([]float64{7}), 0)
	assert.InDelta(t, 2, median([]float64{9, 1, 2}), 0)
	assert.InDelta(t, 2.5, median([]float64{9, 1, 2, 3}), 0)
}

func TestCalibrate(t *testing.T) {
	assert.Equal(t, 40, calibrate(4, slice/1000), "at most ten times as many")
	assert.Equal(t, 40, calibrate(4, 0), "a clock that did not move")
	assert.Equal(t, 400, calibrate(400, slice))
	assert.Equal(t, 200, calibrate(400, 2*slice))
	assert.GreaterOrEqual(t, calibrate(4, time.Hour), 1, "never nothing")
}

func TestTimeRound_SwapsOnlyTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		side := func(name string, d time.Duration) *timer {
			return &timer{goroutines: 1, n: 1, loop: func(int) {
				order = append(order, name)
				time.Sleep(d)
			}}
		}
		ours := side("ours", time.Millisecond)
		references := []*timer{side("first", 20*time.Microsecond), side("second", 5*time.Millisecond)}
		for _, swap := range []bool{false, true} {
			order = nil
			assert.Equal(t, lap{1e6, []float64{2e4, 5e6}}, timeRound(ours, references, swap))
			require.Len(t, order, 3*slicesPerRound)
			assert.Equal(t, swap, order[0] == "second")
			assert.Equal(t, order[:3], order[3:6], "slices take turns")
		}
	})
}

func TestReportBounds(t *testing.T) {
	bounds := []bound{
		{name: "met", nanoseconds: 2500},
		{name: "missed", nanoseconds: 2500},
		{name: "undefined", nanoseconds: 9},
	}
	var out strings.Builder
	assert.Equal(t, 2, reportBounds(&out, bounds, []float64{2500, 2501, math.NaN()}))
	lines := strings.Split(out.String(), "\n")
	for i, verdict := range []string{" ok", " missed", " missed"} {
		assert.Contains(t, lines[i], verdict)
	}
}

func TestReportHang(t *testing.T) {
	for verdict, h := range map[string]hang{
		" ok":      {maxWhileOpen, hangTimeout},
		" missed":  {maxWhileOpen + 1, hangTimeout},
		" missed ": {0, hangTimeout - 1},
	} {
		var out strings.Builder
		assert.Equal(t, verdict != " ok", reportHang(&out, h) == 1)
		assert.Contains(t, out.String(), verdict)
	}
}

func TestLeastOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		got := leastOf(&timer{goroutines: 1, n: 2, loop: func(int) {
			if runs++; runs == 3 {
				time.Sleep(time.Millisecond)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}})
		assert.InDelta(t, 0.5e6, got, 0, "the fastest slice counts, a call of it")
		assert.Equal(t, slicesPerRound, runs)
	})
}

var sink *int

func TestMallocs_SeesOneInAThousand(t *testing.T) {
	got := mallocs(func() {
		for i := range 10_000 {
			if i%1000 == 0 {
				sink = new(int)
			}
		}
	})
	assert.GreaterOrEqual(t, got, uint64(10))
	assert.Less(t, got, uint64(1000))
}

func TestReport(t *testing.T) {
	goals := []goal{
		{name: "met", limit: 1.25},
		{name: "missed", limit: 1.25},
		{name: "not promised"},
		{name: "undefined", limit: 9},
	}
	results := []result{{ratio: 1.25}, {ratio: 1.2501}, {ratio: 99}, {ratio: math.NaN()}}
	var out strings.Builder
	assert.Equal(t, 2, report(&out, goals, results))
	lines := strings.Split(out.String(), "\n")
	for i, verdict := range []string{" ok ", " missed ", " informational ", " missed "} {
		assert.Contains(t, lines[i], verdict)
	}
}

func TestReportAllocations(t *testing.T) {
	var out strings.Builder
	paths := []side{{scenario.Pair, ours}, {scenario.Flaky100, ours}}
	assert.Equal(t, 0, reportAllocations(&out, paths, []uint64{0, 0}, 100))
	assert.Contains(t, out.String(), " ok")

	out.Reset()
	assert.Equal(t, 1, reportAllocations(&out, paths, []uint64{0, 1}, 100))
	assert.Contains(t, out.String(), " missed")
	assert.Contains(t, out.String(), "Flaky/fails=1%/call=pair: 1 in 100 calls")
}

func TestWritable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "ratios.txt")
	require.NoError(t, os.WriteFile(file, []byte("old"), 0o600))
	require.NoError(t, writable(file))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, "old", string(text))
	require.NoError(t, writable(""))
	for _, bad := range []string{dir, filepath.Join(dir, "none", "ratios.txt")} {
		require.ErrorContains(t, writable(bad), "-o: open "+bad)
	}
}

func TestParse(t *testing.T) {
	rounds, file, err := parse(nil)
	require.NoError(t, err)
	assert.Equal(t, defaultRounds, rounds)
	assert.Empty(t, file)
	rounds, file, err = parse([]string{"-rounds", "7", "-o", "x"})
	require.NoError(t, err)
	assert.Equal(t, 7, rounds)
	assert.Equal(t, "x", file)
	for _, bad := range [][]string{
		{"-rounds", "6"}, {"-rounds", "1000"}, {"-rounds", "x"}, {"-fast"}, {"all"},
	} {
		_, _, err := parse(bad)
		require.Error(t, err, "%q", bad)
		assert.NotContains(t, err.Error(), "\n", "one line")
	}
}
