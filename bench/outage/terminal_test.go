// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests in this file read the dashboard as a person does: off the screen of a terminal.

// console is a pseudo-terminal with an emulator that draws what is written to it.
type console struct {
	t         *testing.T
	pty, tty  *os.File
	collected chan struct{} // closed when everything that was written is on the screen

	mu       sync.Mutex
	emulator *vt.Emulator
}

// Write draws what a program has written.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.emulator.Write(p)
}

func newConsole(t *testing.T, width, height int) *console {
	t.Helper()
	ptmx, tty, err := pty.Open()
	if err != nil {
		t.Skip("this system has no pseudo-terminals:", err)
	}
	require.NoError(t, pty.Setsize(ptmx, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}))
	c := &console{t: t, pty: ptmx, tty: tty, emulator: vt.NewEmulator(width, height), collected: make(chan struct{})}
	go func() {
		defer close(c.collected)
		_, _ = io.Copy(c, ptmx) // ends with an error when the last descriptor of tty is closed
	}()
	go func() { _, _ = io.Copy(ptmx, c.emulator) }() // a terminal answers questions about itself
	t.Cleanup(func() {
		_ = tty.Close()
		_ = ptmx.Close()
		if answers, ok := c.emulator.InputPipe().(io.Closer); ok {
			_ = answers.Close()
		}
	})
	return c
}

// screen returns the lines on the screen, without the blanks at their ends.
func (c *console) screen() []string {
	c.mu.Lock()
	lines := strings.Split(c.emulator.String(), "\n")
	c.mu.Unlock()
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \r")
	}
	return lines
}

// shows waits until the screen has text on it.
func (c *console) shows(text string) {
	c.t.Helper()
	c.becomes(text, func(screen string) bool { return strings.Contains(screen, text) })
}

// becomes waits until the screen is as it should be. What a program writes at once can arrive in parts.
func (c *console) becomes(what string, ok func(screen string) bool) {
	c.t.Helper()
	if !assert.Eventually(c.t, func() bool { return ok(strings.Join(c.screen(), "\n")) }, 20*time.Second, 5*time.Millisecond, what) {
		c.t.Fatal(strings.Join(c.screen(), "\n"))
	}
}

// transcript closes the terminal and returns all lines: those that have left the screen at its top, and those on it, up to
// the last one that is not empty.
func (c *console) transcript() []string {
	c.t.Helper()
	require.NoError(c.t, c.tty.Close())
	select {
	case <-c.collected:
	case <-time.After(time.Minute):
		c.t.Fatal("a process still has the terminal")
	}
	var lines []string
	for _, line := range c.emulator.Scrollback().Lines() {
		lines = append(lines, strings.TrimRight(line.String(), " \r"))
	}
	lines = append(lines, c.screen()...)
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// isOfTheDashboard says whether a line has anything that only the dashboard draws.
func isOfTheDashboard(line string) bool {
	return strings.ContainsAny(line, "╭╮╰╯│─━█·")
}

// Events scroll by above the dashboard, and it stays in one piece below them; when it ends nothing of it is left.
func TestDashboardOnATerminal(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {60, 24}, {leastWidth, leastHeight}, {200, 50}} {
		width, height := size[0], size[1]
		t.Run(fmt.Sprintf("%dx%d", width, height), func(t *testing.T) {
			c := newConsole(t, width, height)
			s := newScreen(c.tty)
			require.IsType(t, &dashboard{}, s)
			var events []string
			event := func(n int, text string) {
				s.event(time.Duration(n)*time.Second, text)
				line := eventLine(time.Duration(n)*time.Second, text)
				if runes := []rune(line); len(runes) > width {
					line = string(runes[:width-1]) + "…"
				}
				events = append(events, line)
			}
			n := 0
			for _, now := range []status{shown, {guard: "slog-multi failover", of: time.Minute, nextProbe: -1}, shown} {
				for _, text := range []string{"short", strings.Repeat("as wide as a terminal can be, and more ", 10), "after it"} {
					n++
					now.at = time.Duration(n) * time.Second
					s.show(now)
					c.shows(fmt.Sprintf("%5.1fs of", now.at.Seconds()))
					_, err := c.pty.WriteString("^C") // the echo of a key moves the cursor
					require.NoError(t, err)
					c.shows("\n^C")
					event(n, text)
					c.becomes("one frame, and nothing in it or below it", func(screen string) bool {
						_, frame, _ := strings.Cut(screen, "╭")
						frame, below, found := strings.Cut(frame, "╯")
						for i, line := range strings.Split(frame, "\n") {
							found = found && (i == 0 || strings.ContainsAny(line, "│╰"))
						}
						return found && strings.TrimSpace(below) == "" && strings.Count(screen, "╭") == 1 &&
							strings.Contains(frame, now.guard) && strings.Contains(screen, strings.TrimSpace(events[len(events)-1]))
					})
				}
			}
			_, err := c.pty.WriteString("^C")
			require.NoError(t, err)
			c.shows("\n^C")
			s.close()
			say(c.tty, "\nthe tables\n")
			lines := c.transcript()
			assert.Equal(t, append(events, "", "the tables"), lines)
		})
	}
}

// A terminal with too little room gets plain lines.
func TestScreenIsPlainOnASmallTerminal(t *testing.T) {
	for _, size := range [][2]int{{leastWidth - 1, 24}, {80, leastHeight - 1}, {0, 0}} {
		c := newConsole(t, max(size[0], 1), max(size[1], 1))
		require.NoError(t, pty.Setsize(c.pty, &pty.Winsize{Cols: uint16(size[0]), Rows: uint16(size[1])}))
		s := newScreen(c.tty)
		assert.IsType(t, &plainLines{}, s)
		s.close()
	}
	t.Setenv("TERM", "dumb")
	s := newScreen(newConsole(t, 80, 24).tty)
	assert.IsType(t, &plainLines{}, s)
	s.close()
}

// asDemo is the environment variable that makes this test binary the demo.
const asDemo = "OUTAGE_TEST_DEMO"

// startDemo runs the demo in a process of its own that has the console as its terminal.
func startDemo(t *testing.T, c *console, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], append(args, "-out", filepath.Join(t.TempDir(), "out"))...)
	cmd.Env = append(os.Environ(), asDemo+"=1", "TERM=xterm-256color", "TMPDIR="+t.TempDir())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.tty, c.tty, c.tty
	cmd.SysProcAttr = withTerminal()
	require.NoError(t, cmd.Start())
	return cmd
}

// The whole demo on a terminal. What it leaves there is what it prints elsewhere: events and tables.
func TestDemoOnATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("takes four seconds")
	}
	c := newConsole(t, 80, 24)
	cmd := startDemo(t, c, "-duration", "4s", "-rate", "1000", "-guards", atomicBreaker)
	c.shows("│ nowhere ")
	_ = cmd.Wait() // its status is another test's subject
	lines := c.transcript()
	assert.Equal(t, 23, c.emulator.CursorPosition().Y, "the end of a screen that is full")
	assert.False(t, c.emulator.CursorHidden())
	text := strings.Join(lines, "\n")
	for _, line := range lines {
		assert.False(t, isOfTheDashboard(line), text)
	}
	inOrder(t, text, "load ", "* atomicbreaker: ", "* the sink hangs: SIGSTOP", "* the sink goes on", "* the sink is killed",
		"* the sink is back", "log calls ", "  restarted ", "outages ", "verdict ", "  lost ", "picture: ")
}

// Ctrl-C is echoed to the terminal, and ends the demo with tables.
func TestDemoInterruptedOnATerminal(t *testing.T) {
	c := newConsole(t, 60, 24)
	cmd := startDemo(t, c, "-duration", "10m", "-guards", noGuard)
	c.shows("│ nowhere ")
	_, err := c.pty.WriteString("\x03")
	require.NoError(t, err)
	err = cmd.Wait()
	lines := c.transcript()
	assert.False(t, c.emulator.CursorHidden())
	text := strings.Join(lines, "\n")
	require.NoError(t, err, text)
	for _, line := range lines {
		assert.False(t, isOfTheDashboard(line), text)
		assert.NotContains(t, line, "^C", text)
	}
	inOrder(t, text, "* no breaker: ", "* interrupted: counting what there is", "log calls ", "verdict ", "picture: ")
}

// Ctrl-C before the sink has started: the terminal sends the signal to all processes of the demo's group.
func TestDemoInterruptedAtOnce(t *testing.T) {
	c := newConsole(t, 80, 24)
	cmd := startDemo(t, c, "-duration", "10m", "-guards", noGuard)
	c.shows("load ")
	_, err := c.pty.WriteString("\x03")
	require.NoError(t, err)
	err = cmd.Wait()
	require.NoError(t, err, strings.Join(c.transcript(), "\n"))
}
