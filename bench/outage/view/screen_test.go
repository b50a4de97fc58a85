// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure/measuretest"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/view/console"
)

var shown = Status{
	Guard: "atomicbreaker", At: 3 * time.Second, Of: 12 * time.Second,
	Phase: "hang", State: measure.Open,
	Primary: 1, Fallback: 1999, Nowhere: 0,
	P99: 251 * time.Millisecond, Failures: 7, NextProbe: 120 * time.Millisecond,
	HasSpool: true, Backlog: 1234, Replayed: 77,
	HasReasons: true, Why: measure.ByReason{measure.Rejected: 1990, measure.Hung: 9},
	WhySoFar: measure.ByReason{
		measure.Rejected: 12_345, measure.Failed: 3, measure.Hung: 21, measure.Busy: 456,
	},
}

// statuses are of every guard in every phase and state, with small and with the largest numbers.
func statuses() (all []Status) {
	most := measure.ByReason{99_999_999, 99_999_999, 99_999_999, 99_999_999, 99_999_999}
	small := Status{Of: 4 * time.Second, NextProbe: -1}
	large := Status{
		At: 604*time.Second + 400*time.Millisecond, Of: 10*time.Minute - time.Second,
		NextProbe: 10*time.Minute - time.Second,
		Primary:   9_999_999, Fallback: 9_999_999, Nowhere: 9_999_999,
		P99: measure.LongestCall - time.Second, Failures: 60_000_000,
		Backlog: 60_000_000, Replayed: 60_000_000, Why: most, WhySoFar: most,
	}
	for _, s := range []Status{small, shown, large} {
		for _, g := range measuretest.Guards {
			for _, phase := range append([]string{""}, measure.PhaseNames[:]...) {
				for state := range stateStyles {
					s.Guard, s.HasReasons, s.HasSpool = g.Label, g.HasReasons, g.HasSpool
					s.Phase, s.State = phase, state
					all = append(all, s)
				}
			}
		}
	}
	return all
}

func TestPlainLinesFit(t *testing.T) {
	var out bytes.Buffer
	s := newPlainLines(&out)
	for _, now := range statuses() {
		s.Show(now)
	}
	s.Close()
	console.Fits(t, 80, out.String())
}

func TestDashboardFits(t *testing.T) {
	for _, width := range []int{leastWidth, 60, 80, 200} {
		for _, now := range statuses() {
			text := model{now: now, width: width}.View()
			console.Fits(t, min(width, 80), text)
			require.LessOrEqual(t, strings.Count(text, "\n"), leastHeight-2)
			for _, part := range []string{
				now.Guard, " of " + Brief(now.Of), "next probe " + probeIn(now.NextProbe),
				"failures " + measure.Compact(now.Failures),
			} {
				require.Contains(t, text, part, "nothing is cut off")
			}
			backlog := fmt.Sprintf("%-7s  replayed %s", measure.Compact(now.Backlog),
				measure.Compact(now.Replayed))
			require.Equal(t, now.HasSpool, strings.Contains(text, backlog))
			for r := range measure.UsualReasons {
				require.Equal(t, now.HasReasons, strings.Contains(text, measure.ReasonNames[r]+" "))
			}
		}
	}
}

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	s := newPlainLines(&out)
	s.Event(1500*time.Millisecond, "the sink hangs")
	s.Show(shown)
	s.Event(4*time.Second, "breaker closed")
	other := shown
	other.Guard, other.Why = "none", measure.ByReason{}
	s.Show(other)
	s.Close()
	lines := strings.Split(out.String(), "\n")
	require.Len(t, lines, 7)
	assert.Equal(t, "  1.50s  * the sink hangs", lines[0])
	fields := func(line string) string { return strings.Join(strings.Fields(line), " ") }
	assert.Equal(t, "time phase breaker primary/s fallback/s nowhere/s p99 main reason",
		fields(lines[1]))
	assert.Equal(t, "3.00s hang open 1 1999 0 251ms rejected", fields(lines[2]))
	assert.Equal(t, "  4.00s  * breaker closed", lines[3], "in the order in which it happened")
	assert.Equal(t, lines[1], lines[4], "a header for each guard")
	assert.True(t, strings.HasSuffix(lines[5], " -"), lines[5])
}

func TestProbeIn(t *testing.T) {
	assert.Equal(t, "-", probeIn(-1))
	assert.Equal(t, "due", probeIn(0))
	assert.Equal(t, "0.40s", probeIn(400*time.Millisecond))
}

func TestDashboardShowsTheStatus(t *testing.T) {
	assert.Empty(t, strings.TrimSpace(model{}.View()), "nothing yet")
	model, _ := model{width: 80}.Update(shown)
	text := model.View()
	for _, part := range []string{
		"atomicbreaker", "3.0s of 12s", "hang", "open", "next probe 0.12s", "1999/s",
		"p99 251ms", "failures 7", "rejected 12345", "failed 3", "hung     21", "busy   456",
		"backlog     1234     replayed 77",
	} {
		assert.Contains(t, text, part)
	}
	full, rest, _ := strings.Cut(text, "nowhere")
	assert.Equal(t, longestBar, strings.Count(full, "█"),
		"the highest rate fills its bar, the lowest none of it")
	assert.NotContains(t, rest, "█")
	model, _ = model.Update(tea.WindowSizeMsg{Width: leastWidth, Height: 24})
	assert.Equal(t, shortestBar, strings.Count(model.View(), "█"),
		"in a narrow terminal the bars are short")
	model, _ = model.Update(gone{})
	assert.Empty(t, strings.TrimSpace(model.View()))
}

// The dashboard prints the events for good, ends when it is closed, and leaves nothing running.
func TestDashboardPrintsEvents(t *testing.T) {
	var out bytes.Buffer
	d := newDashboard(&out, func() int { return 80 }, tea.WithoutRenderer())
	d.Show(shown)
	d.Event(time.Second, "the sink hangs")
	d.Close()
	select {
	case <-d.done:
	default:
		t.Error("it goes on")
	}
	RestoreTerminal() // of a program that has ended: nothing to be done
}

func TestScreenIsPlainWhereThereIsNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	for _, w := range []interface{ Write([]byte) (int, error) }{&bytes.Buffer{}, file} {
		s := NewScreen(w)
		assert.IsType(t, &plainLines{}, s)
		assert.Equal(t, time.Second, s.Every())
		s.Close()
	}
}
