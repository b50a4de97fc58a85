// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests in this file read the dashboard as a person does: off the screen of a terminal.

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
