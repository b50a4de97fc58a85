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
	guard: atomicBreaker, at: 3 * time.Second, of: 12 * time.Second, phase: "hang", state: isOpen,
	primary: 1, fallback: 1999, nowhere: 0, p99: 251 * time.Millisecond, failures: 7, nextProbe: 120 * time.Millisecond,
}

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	s := newPlainLines(&out)
	s.event(1500*time.Millisecond, "the sink hangs")
	s.show(shown)
	s.event(4*time.Second, "breaker closed")
	other := shown
	other.guard, other.nextProbe = noGuard, -1
	s.show(other)
	s.close()
	lines := strings.Split(out.String(), "\n")
	require.Len(t, lines, 7)
	assert.Equal(t, "   1.50s  * the sink hangs", lines[0])
	assert.Equal(t, strings.Fields("time phase breaker primary/s fallback/s nowhere/s p99 failures next probe"), strings.Fields(lines[1]))
	assert.Equal(t, strings.Fields("3.00s hang open 1 1999 0 251ms 7 0.12s"), strings.Fields(lines[2]))
	assert.Equal(t, "   4.00s  * breaker closed", lines[3], "in the order in which it happened")
	assert.Equal(t, lines[1], lines[4], "a header for each guard")
	assert.Contains(t, lines[5], " -")
}

func TestProbeIn(t *testing.T) {
	assert.Equal(t, "-", probeIn(-1))
	assert.Equal(t, "due", probeIn(0))
	assert.Equal(t, "0.40s", probeIn(400*time.Millisecond))
}

func TestDashboardShowsTheStatus(t *testing.T) {
	assert.Empty(t, view{}.View(), "nothing yet")
	model, _ := view{}.Update(shown)
	text := model.View()
	for _, part := range []string{atomicBreaker, "3.0s of 12s", "hang", "open", "next probe 0.12s", "1999/s", "p99 251ms", "failures 7"} {
		assert.Contains(t, text, part)
	}
	full, rest, _ := strings.Cut(text, "nowhere")
	assert.Equal(t, barWidth, strings.Count(full, "█"), "the highest rate fills its bar, the lowest none of it")
	assert.NotContains(t, rest, "█")
	model, _ = model.Update(gone{})
	assert.Empty(t, model.View())
}

// The dashboard prints the events for good, ends when it is closed, and leaves nothing running.
func TestDashboardPrintsEvents(t *testing.T) {
	var out bytes.Buffer
	d := newDashboard(&out, tea.WithoutRenderer())
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
