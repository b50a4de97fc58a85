// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var shown = status{
	guard: atomicBreaker, at: 3 * time.Second, of: 12 * time.Second, phase: "hang", state: isOpen,
	primary: 1, fallback: 1999, nowhere: 0, p99: 251 * time.Millisecond, failures: 7, nextProbe: 120 * time.Millisecond,
	hasReasons: true, why: byReason{rejected: 1990, hung: 9},
	whySoFar: byReason{rejected: 12_345, failed: 3, hung: 21, busy: 456},
}

// statuses are of every guard in every phase and state, with small and with the largest numbers.
func statuses() (all []status) {
	most := byReason{99_999_999, 99_999_999, 99_999_999, 99_999_999, 99_999_999}
	small := status{of: minDuration, nextProbe: -1}
	large := status{
		at: maxDuration + graceToClose, of: maxDuration - time.Second, nextProbe: maxDuration - time.Second,
		primary: 9_999_999, fallback: 9_999_999, nowhere: 9_999_999, p99: longestCall - time.Second, failures: 60_000_000,
		why: most, whySoFar: most,
	}
	for _, s := range []status{small, shown, large} {
		for _, c := range contenders {
			for _, phase := range append([]string{""}, phaseNames[:]...) {
				for _, state := range []string{noBreaker, isClosed, isOpen, isHalfOpen} {
					s.guard, s.hasReasons, s.phase, s.state = c.label, c.hasReasons, phase, state
					all = append(all, s)
				}
			}
		}
	}
	return all
}

// fits demands that no line of text is wider than a terminal.
func fits(t *testing.T, width int, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		require.LessOrEqual(t, lipgloss.Width(line), width, line)
		require.NotContains(t, line, "\t", "its width depends on the terminal")
	}
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

// What is printed before a run and during it, in the widest words that there are.
func TestEventsFit(t *testing.T) {
	var out strings.Builder
	for _, c := range contenders {
		say(&out, "%s\n", eventLine(0, c.label+": "+c.about))
	}
	most := byReason{60_000_000, 60_000_000, 60_000_000, 60_000_000}
	say(&out, "%s\n", eventLine(maxDuration+graceToClose, "to the fallback: "+most.String()))
	s := defaults()
	s.duration, s.timeout, s.goroutines, s.rate = maxDuration-time.Second, maxTimeout-time.Millisecond, maxGoroutines, maxRate
	s.guards, _ = parseGuards(allGuards)
	introduce(&out, s)
	s.sink = endpoint{lokiSink, "http://127.0.0.1:65535" + pushPath}
	introduce(&out, s)
	fits(t, 80, out.String())
}

// The tables of a run of ten minutes at the highest rate, in which everything was as slow, or as frequent, as can be.
func TestReportFits(t *testing.T) {
	const most = 60_000_000
	var results []result
	for _, c := range contenders {
		r := ran(c.name, counts{returned: most, diverted: most, acknowledged: most, tried: most, probes: 99_999})
		r.logger, r.loggers, r.behind = "zerolog", c.kinds[:1], most
		v := &r.verdict
		v.offered, v.lost, v.duplicated = most, most, most
		v.primary, v.fallback = contents{records: most, late: most}, contents{records: most}
		r.why = byReason{most, most, most, most, most}
		for p := range phases {
			for range 1000 {
				_ = r.calls[p].RecordValue(int64(longestCall - time.Second))
			}
			r.peaks[p] = footprint{99_999, 9999 << 20}
			r.onceOpened[p] = longestCall - time.Second
		}
		r.changes = []change{
			{at: hang.at(r.duration) + 11_100*time.Nanosecond, to: isOpen},
			{at: resumed.at(r.duration) + 999*time.Millisecond, to: isClosed},
		}
		results = append(results, r)
	}
	for _, kind := range []sinkKind{embeddedSink, lokiSink, tcpSink, syslogSink, fileSink} {
		s := defaults()
		s.timeout, s.sink.kind = maxTimeout-time.Millisecond, kind
		var out strings.Builder
		report(&out, s, results)
		fits(t, 80, out.String())
	}
}

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	s := newPlainLines(&out)
	s.event(1500*time.Millisecond, "the sink hangs")
	s.show(shown)
	s.event(4*time.Second, "breaker closed")
	other := shown
	other.guard, other.why = noGuard, byReason{}
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

func TestByReason(t *testing.T) {
	assert.Equal(t, "-", byReason{}.chief())
	assert.Empty(t, byReason{}.String())
	c := byReason{rejected: 5, busy: 60_000_000, hung: 100_000}
	assert.Equal(t, "busy", c.chief())
	assert.Equal(t, "5 rejected, 100k hung, 60.0M busy", c.String())
	assert.EqualValues(t, 60_100_005, c.sum())
	assert.Equal(t, byReason{rejected: 1, busy: 59_999_999, hung: 99_999}, c.minus(byReason{4, 0, 1, 1, 0}))
	for n, want := range map[uint64]string{
		0: "0", 99_999: "99999", 100_000: "100k", 999_499: "999k", 999_500: "1.0M", 60_000_000: "60.0M",
	} {
		assert.Equal(t, want, compact(n))
	}
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
		atomicBreaker, "3.0s of 12s", "hang", "open", "next probe 0.12s", "1999/s", "p99 251ms", "failures 7",
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
