// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/view/console"
)

// The tests in this file read the dashboard as a person does: off the screen of a terminal.

// Events scroll by above the dashboard, and it stays in one piece below them; when it ends nothing
// of it is left.
func TestDashboardOnATerminal(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {60, 24}, {leastWidth, leastHeight}, {200, 50}} {
		width, height := size[0], size[1]
		t.Run(fmt.Sprintf("%dx%d", width, height), func(t *testing.T) {
			c := console.New(t, width, height)
			s := NewScreen(c.Tty)
			require.IsType(t, &dashboard{}, s)
			var events []string
			event := func(n int, text string) {
				s.Event(time.Duration(n)*time.Second, text)
				line := EventLine(time.Duration(n)*time.Second, text)
				if runes := []rune(line); len(runes) > width {
					line = string(runes[:width-1]) + "…"
				}
				events = append(events, line)
			}
			n := 0
			failover := Status{Guard: "slog-multi failover", Of: time.Minute, NextProbe: -1}
			long := strings.Repeat("as wide as a terminal can be, and more ", 10)
			for _, now := range []Status{shown, failover, shown} {
				for _, text := range []string{"short", long, "after it"} {
					n++
					now.At = time.Duration(n) * time.Second
					s.Show(now)
					c.Shows(fmt.Sprintf("%5.1fs of", now.At.Seconds()))
					_, err := c.Pty.WriteString("^C") // the echo of a key moves the cursor
					require.NoError(t, err)
					c.Shows("\n^C")
					event(n, text)
					c.Becomes("one frame, and nothing in it or below it", func(screen string) bool {
						_, frame, _ := strings.Cut(screen, "╭")
						frame, below, found := strings.Cut(frame, "╯")
						for i, line := range strings.Split(frame, "\n") {
							found = found && (i == 0 || strings.ContainsAny(line, "│╰"))
						}
						last := strings.TrimSpace(events[len(events)-1])
						return found && strings.TrimSpace(below) == "" &&
							strings.Count(screen, "╭") == 1 &&
							strings.Contains(frame, now.Guard) && strings.Contains(screen, last)
					})
				}
			}
			_, err := c.Pty.WriteString("^C")
			require.NoError(t, err)
			c.Shows("\n^C")
			s.Close()
			Say(c.Tty, "\nthe tables\n")
			lines := c.Transcript()
			assert.Equal(t, append(events, "", "the tables"), lines)
		})
	}
}

// A terminal with too little room gets plain lines.
func TestScreenIsPlainOnASmallTerminal(t *testing.T) {
	for _, size := range [][2]int{{leastWidth - 1, 24}, {80, leastHeight - 1}, {0, 0}} {
		c := console.New(t, max(size[0], 1), max(size[1], 1))
		require.NoError(t,
			pty.Setsize(c.Pty, &pty.Winsize{Cols: uint16(size[0]), Rows: uint16(size[1])}))
		s := NewScreen(c.Tty)
		assert.IsType(t, &plainLines{}, s)
		s.Close()
	}
	t.Setenv("TERM", "dumb")
	s := NewScreen(console.New(t, 80, 24).Tty)
	assert.IsType(t, &plainLines{}, s)
	s.Close()
}
