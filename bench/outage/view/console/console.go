// SPDX-License-Identifier: Apache-2.0

// Package console has a terminal for tests.
package console

import (
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Console is a pseudo-terminal with an emulator that draws what is written to it.
type Console struct {
	t         *testing.T
	Pty, Tty  *os.File
	collected chan struct{} // closed when everything that was written is on the screen

	mu       sync.Mutex
	Emulator *vt.Emulator
}

// Write draws what a program has written.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Emulator.Write(p)
}

// New returns a terminal of a size in columns and rows. The test is skipped if there is none.
func New(t *testing.T, width, height int) *Console {
	t.Helper()
	ptmx, tty, err := pty.Open()
	if err != nil {
		t.Skip("this system has no pseudo-terminals:", err)
	}
	require.NoError(t, pty.Setsize(ptmx, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}))
	c := &Console{
		t: t, Pty: ptmx, Tty: tty, Emulator: vt.NewEmulator(width, height),
		collected: make(chan struct{}),
	}
	go func() {
		defer close(c.collected)
		_, _ = io.Copy(c, ptmx) // ends with an error when the last descriptor of tty is closed
	}()
	go func() { _, _ = io.Copy(ptmx, c.Emulator) }() // a terminal answers questions about itself
	t.Cleanup(func() {
		_ = tty.Close()
		_ = ptmx.Close()
		if answers, ok := c.Emulator.InputPipe().(io.Closer); ok {
			_ = answers.Close()
		}
	})
	return c
}

// screen returns the lines on the screen, without the blanks at their ends.
func (c *Console) screen() []string {
	c.mu.Lock()
	lines := strings.Split(c.Emulator.String(), "\n")
	c.mu.Unlock()
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \r")
	}
	return lines
}

// Shows waits until the screen has text on it.
func (c *Console) Shows(text string) {
	c.t.Helper()
	c.Becomes(text, func(screen string) bool { return strings.Contains(screen, text) })
}

// Becomes waits until the screen is as it should be. What a program writes at once can arrive in
// parts.
func (c *Console) Becomes(what string, ok func(screen string) bool) {
	c.t.Helper()
	screen := func() string { return strings.Join(c.screen(), "\n") }
	isOK := func() bool { return ok(screen()) }
	if !assert.Eventually(c.t, isOK, 20*time.Second, 5*time.Millisecond, what) {
		c.t.Fatal(screen())
	}
}

// Transcript closes the terminal and returns all lines: those that have left the screen at its top,
// and those on it, up to the last one that is not empty.
func (c *Console) Transcript() []string {
	c.t.Helper()
	require.NoError(c.t, c.Tty.Close())
	select {
	case <-c.collected:
	case <-time.After(time.Minute):
		c.t.Fatal("a process still has the terminal")
	}
	var lines []string
	for _, line := range c.Emulator.Scrollback().Lines() {
		lines = append(lines, strings.TrimRight(line.String(), " \r"))
	}
	lines = append(lines, c.screen()...)
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// IsOfTheDashboard says whether a line has anything that only the dashboard draws.
func IsOfTheDashboard(line string) bool {
	return strings.ContainsAny(line, "╭╮╰╯│─━█·")
}

// Fits demands that no line of text is wider than a terminal.
func Fits(t *testing.T, width int, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		require.LessOrEqual(t, lipgloss.Width(line), width, line)
		require.NotContains(t, line, "\t", "its width depends on the terminal")
	}
}
