// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals"
)

// recorded are counts that are all one below their limits.
func recorded() counts {
	c := counts{toolchain: "go1.26.8", ours: map[string]int{}}
	for _, kind := range calls {
		c.ours[kind.name] = kind.limit - 1
	}
	return c
}

func TestCompare(t *testing.T) {
	const judged = "healthy Do" // limit 108, so 107 are recorded
	for name, tt := range map[string]struct {
		measured  int
		toolchain string
		missing   bool
		verdict   string
		short     int
	}{
		"equal":                              {107, "go1.26.8", false, "ok", 0},
		"grown":                              {108, "go1.26.8", false, "grew", 1},
		"grown over the limit":               {109, "go1.26.8", false, "over the limit", 1},
		"shrunk":                             {106, "go1.26.8", false, "ok, shrank", 0},
		"missing":                            {107, "go1.26.8", true, "not recorded", 1},
		"missing, over the limit":            {109, "go1.26.8", true, "over the limit", 1},
		"other toolchain, grown":             {108, "go1.25.0", false, "ok", 0},
		"other toolchain, over the limit":    {109, "go1.25.0", false, "over the limit", 1},
		"other toolchain, shrunk":            {90, "go1.25.0", false, "ok", 0},
		"other toolchain, missing":           {108, "go1.25.0", true, "ok", 0},
		"other toolchain, missing, too high": {109, "go1.25.0", true, "over the limit", 1},
	} {
		t.Run(name, func(t *testing.T) {
			then, now := recorded(), recorded()
			now.toolchain = tt.toolchain
			now.ours[judged] = tt.measured
			before := "107"
			if tt.missing {
				delete(then.ours, judged)
				before = "-"
			}
			var text bytes.Buffer
			require.Equal(t, tt.short, compare(&text, now, then))
			line := fmt.Sprintf(row, judged, fmt.Sprint(tt.measured), before, "108", tt.verdict)
			require.Contains(t, text.String(), line)
			for _, kind := range calls { // the others are as recorded
				require.Contains(t, text.String(), "\n"+kind.name+" ")
			}
			other := strings.HasPrefix(text.String(), "The counts were recorded with go1.26.8. "+
				"This is go1.25.0, so only the limits judge.\n")
			require.Equal(t, tt.toolchain != "go1.26.8", other)
			require.Equal(t, tt.short > 0, strings.Contains(text.String(), "RECORD=1"))
		})
	}
}

// The count of an adapter may grow a little, because it is a difference.
func TestCompare_Slack(t *testing.T) {
	for grown, short := range map[int]int{slack: 0, slack + 1: 1} {
		then, now := recorded(), recorded()
		then.ours["breakerio.Writer"] -= slack
		now.ours["breakerio.Writer"] = then.ours["breakerio.Writer"] + grown
		require.Equal(t, short, compare(&bytes.Buffer{}, now, then), grown)
	}
	then, now := recorded(), recorded()
	now.ours["healthy Do"]++
	require.Equal(t, 1, compare(&bytes.Buffer{}, now, then))
}

// The recorded file has every count of ours, and none exceeds its limit.
func TestRecorded(t *testing.T) {
	text, err := os.ReadFile("../" + recordedFile)
	require.NoError(t, err)
	then, err := read(bytes.NewReader(text))
	require.NoError(t, err)
	for _, c := range calls {
		require.Contains(t, then.ours, c.name)
		require.LessOrEqual(t, then.ours[c.name], c.limit, c.name)
	}
}

func TestRead(t *testing.T) {
	const header = "commit: 4a014d2\ntoolchain: go1.26.8\n"
	for name, tt := range map[string]struct {
		text string
		want counts
	}{
		"ours and others": {
			header + "BenchmarkInstructions/impl=atomic/state=healthy/call=do-1 500000 98 instructions/op\n" +
				"BenchmarkInstructions/impl=mutex/state=healthy/call=do-1 200000 152 instructions/op\n",
			counts{"go1.26.8", map[string]int{"healthy Do": 98}},
		},
		"an adapter without its sink": {
			header + "BenchmarkInstructions/impl=breakerio/state=healthy/call=write-1 500000 161 instructions/op\n" +
				"BenchmarkInstructions/impl=bare/state=healthy/call=write-1 500000 37 instructions/op\n" +
				"BenchmarkInstructions/impl=breakerslog/state=healthy/call=handle-1 500000 4600 instructions/op\n",
			counts{"go1.26.8", map[string]int{"breakerio.Writer": 124}},
		},
		"another unit": {
			header + "BenchmarkInstructions/impl=atomic/state=healthy/call=do-1 500000 98 ns/op\n",
			counts{"go1.26.8", map[string]int{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := read(strings.NewReader(tt.text))
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	for name, text := range map[string]string{
		"empty":        "",
		"no results":   header,
		"no toolchain": "BenchmarkInstructions/impl=atomic/state=healthy/call=do-1 500000 98 instructions/op\n",
		"malformed":    header + "BenchmarkInstructions/impl=atomic many instructions/op\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(strings.NewReader(text))
			require.Error(t, err)
		})
	}
}

func TestWhole(t *testing.T) {
	for n, want := range map[float64]int{97.8: 98, 98: 98, 98.31: 98, 98.7: 98, 98.76: 99, 0: 0} {
		require.Equal(t, want, whole(n), n)
	}
}

// Every call has a loop of ours, so that the comparison is complete.
func TestCalls(t *testing.T) {
	for _, c := range calls {
		for _, impl := range []string{c.impl, c.without} {
			if impl != "" {
				loop := rivals.New(c.scenario, impl)
				require.NotNil(t, loop, c.name)
				loop(2)
			}
		}
	}
}

func TestParse(t *testing.T) {
	record, err := parse(nil)
	require.NoError(t, err)
	require.False(t, record)
	record, err = parse([]string{"-record"})
	require.NoError(t, err)
	require.True(t, record)
	_, err = parse([]string{"-h"})
	require.ErrorIs(t, err, flag.ErrHelp)
	for _, args := range [][]string{{"all"}, {"a", "b", "c"}, {"-record", "all"}, {"-rec"}} {
		_, err = parse(args)
		require.Error(t, err, args)
	}
}

// Without valgrind the comparison is skipped with a one-line message, and succeeds.
func TestCompareOurs_WithoutValgrind(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var text bytes.Buffer
	ok, err := compareOurs(&text)
	require.NoError(t, err)
	require.True(t, ok)
	require.Regexp(t, `^instructions: skipped: .+\n$`, text.String())
}

func TestAtMost(t *testing.T) {
	for _, c := range []struct {
		counts []int
		want   int
	}{
		{[]int{100}, 100},
		{[]int{99}, 99},
		{[]int{101, 100}, 100},
		{[]int{103, 101, 102, 103, 101}, 101}, // it really grew
	} {
		next := 0
		n, err := atMost(100, func() (int, error) {
			next++
			return c.counts[next-1], nil
		})
		require.NoError(t, err)
		require.Equal(t, c.want, n)
		require.Equal(t, len(c.counts), next)
	}
}
