// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var shown = status{
	guard: "atomicbreaker", at: 3 * time.Second, of: 12 * time.Second, phase: "hang", state: isOpen,
	primary: 1, fallback: 1999, nowhere: 0, p99: 251 * time.Millisecond, failures: 7, nextProbe: 120 * time.Millisecond,
	hasReasons: true, why: byReason{rejected: 1990, hung: 9},
	whySoFar: byReason{rejected: 12_345, failed: 3, hung: 21, busy: 456},
}

// statuses are of every guard in every phase and state, with small and with the largest numbers.
func statuses() (all []status) {
	most := byReason{99_999_999, 99_999_999, 99_999_999, 99_999_999, 99_999_999}
	small := status{of: 4 * time.Second, nextProbe: -1}
	large := status{
		at: 604*time.Second + 400*time.Millisecond, of: 10*time.Minute - time.Second,
		nextProbe: 10*time.Minute - time.Second,
		primary:   9_999_999, fallback: 9_999_999, nowhere: 9_999_999, p99: longestCall - time.Second, failures: 60_000_000,
		why: most, whySoFar: most,
	}
	for _, s := range []status{small, shown, large} {
		for _, g := range mtGuards {
			for _, phase := range append([]string{""}, phaseNames[:]...) {
				for _, state := range []string{noBreaker, isClosed, isOpen, isHalfOpen} {
					s.guard, s.hasReasons, s.phase, s.state = g.label, g.hasReasons, phase, state
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
		s.show(now)
	}
	s.close()
	fits(t, 80, out.String())
}

func TestDashboardFits(t *testing.T) {
	for _, width := range []int{leastWidth, 60, 80, 200} {
		for _, now := range statuses() {
			text := view{now: now, width: width}.View()
			fits(t, min(width, 80), text)
			require.LessOrEqual(t, strings.Count(text, "\n"), leastHeight-2)
			for _, part := range []string{
				now.guard, " of " + brief(now.of), "next probe " + probeIn(now.nextProbe), "failures " + compact(now.failures),
			} {
				require.Contains(t, text, part, "nothing is cut off")
			}
			for r := range usualReasons {
				require.Equal(t, now.hasReasons, strings.Contains(text, reasonNames[r]+" "))
			}
		}
	}
}

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	s := newPlainLines(&out)
	s.event(1500*time.Millisecond, "the sink hangs")
	s.show(shown)
	s.event(4*time.Second, "breaker closed")
	other := shown
	other.guard, other.why = "none", byReason{}
	s.show(other)
	s.close()
	lines := strings.Split(out.String(), "\n")
	require.Len(t, lines, 7)
	assert.Equal(t, "  1.50s  * the sink hangs", lines[0])
	assert.Equal(t, strings.Fields("time phase breaker primary/s fallback/s nowhere/s p99 main reason"), strings.Fields(lines[1]))
	assert.Equal(t, strings.Fields("3.00s hang open 1 1999 0 251ms rejected"), strings.Fields(lines[2]))
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
	assert.Empty(t, strings.TrimSpace(view{}.View()), "nothing yet")
	model, _ := view{width: 80}.Update(shown)
	text := model.View()
	for _, part := range []string{
		"atomicbreaker", "3.0s of 12s", "hang", "open", "next probe 0.12s", "1999/s", "p99 251ms", "failures 7",
		"rejected 12345", "failed 3", "hung     21", "busy   456",
	} {
		assert.Contains(t, text, part)
	}
	full, rest, _ := strings.Cut(text, "nowhere")
	assert.Equal(t, longestBar, strings.Count(full, "█"), "the highest rate fills its bar, the lowest none of it")
	assert.NotContains(t, rest, "█")
	model, _ = model.Update(tea.WindowSizeMsg{Width: leastWidth, Height: 24})
	assert.Equal(t, shortestBar, strings.Count(model.View(), "█"), "in a narrow terminal the bars are short")
	model, _ = model.Update(gone{})
	assert.Empty(t, strings.TrimSpace(model.View()))
}

// The dashboard prints the events for good, ends when it is closed, and leaves nothing running.
func TestDashboardPrintsEvents(t *testing.T) {
	var out bytes.Buffer
	d := newDashboard(&out, func() int { return 80 }, tea.WithoutRenderer())
	d.show(shown)
	d.event(time.Second, "the sink hangs")
	d.close()
	select {
	case <-d.done:
	default:
		t.Error("it goes on")
	}
	restoreTerminal() // of a program that has ended: nothing to be done
}

func TestScreenIsPlainWhereThereIsNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	defer func() { _ = file.Close() }()
	for _, w := range []interface{ Write([]byte) (int, error) }{&bytes.Buffer{}, file} {
		s := newScreen(w)
		assert.IsType(t, &plainLines{}, s)
		assert.Equal(t, time.Second, s.every())
		s.close()
	}
}
