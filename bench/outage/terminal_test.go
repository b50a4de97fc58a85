// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/view/console"
)

// asDemo is the environment variable that makes this test binary the demo.
const asDemo = "OUTAGE_TEST_DEMO"

// startDemo runs the demo in a process of its own that has the console as its terminal.
func startDemo(t *testing.T, c *console.Console, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0],
		append(args, "-out", filepath.Join(t.TempDir(), "out"))...)
	cmd.Env = append(os.Environ(), asDemo+"=1", "TERM=xterm-256color", "TMPDIR="+t.TempDir())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Tty, c.Tty, c.Tty
	cmd.SysProcAttr = withTerminal()
	require.NoError(t, cmd.Start())
	return cmd
}

// The whole demo on a terminal. What it leaves there is what it prints elsewhere: events and
// tables.
func TestDemoOnATerminal(t *testing.T) {
	if testing.Short() {
		t.Skip("takes four seconds")
	}
	c := console.New(t, 80, 24)
	cmd := startDemo(t, c, "-duration", "4s", "-rate", "1000", "-guards", atomicBreaker)
	c.Shows("│ nowhere ")
	_ = cmd.Wait() // its status is another test's subject
	lines := c.Transcript()
	assert.Equal(t, 23, c.Emulator.CursorPosition().Y, "the end of a screen that is full")
	assert.False(t, c.Emulator.CursorHidden())
	text := strings.Join(lines, "\n")
	for _, line := range lines {
		assert.False(t, console.IsOfTheDashboard(line), text)
	}
	inOrder(t, text, "load ", "* atomicbreaker: ", "* the sink hangs: SIGSTOP",
		"* the sink goes on", "* the sink is killed", "* the sink is back",
		"log calls ", "  restarted ", "outages ", "verdict ", "  lost ", "picture: ")
}

// Ctrl-C is echoed to the terminal, and ends the demo with tables.
func TestDemoInterruptedOnATerminal(t *testing.T) {
	c := console.New(t, 60, 24)
	cmd := startDemo(t, c, "-duration", "10m", "-guards", noGuard)
	c.Shows("│ nowhere ")
	_, err := c.Pty.WriteString("\x03")
	require.NoError(t, err)
	err = cmd.Wait()
	lines := c.Transcript()
	assert.False(t, c.Emulator.CursorHidden())
	text := strings.Join(lines, "\n")
	require.NoError(t, err, text)
	for _, line := range lines {
		assert.False(t, console.IsOfTheDashboard(line), text)
		assert.NotContains(t, line, "^C", text)
	}
	inOrder(t, text, "* no breaker: ", "* interrupted: counting what there is", "log calls ",
		"verdict ", "picture: ")
}

// Ctrl-C before the sink has started: the terminal sends the signal to all processes of the demo's
// group.
func TestDemoInterruptedAtOnce(t *testing.T) {
	c := console.New(t, 80, 24)
	cmd := startDemo(t, c, "-duration", "10m", "-guards", noGuard)
	c.Shows("load ")
	_, err := c.Pty.WriteString("\x03")
	require.NoError(t, err)
	err = cmd.Wait()
	require.NoError(t, err, strings.Join(c.Transcript(), "\n"))
}
