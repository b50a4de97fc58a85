// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/mattn/go-isatty"
)

// newScreen returns a dashboard if w is a terminal, else plain lines.
func newScreen(w io.Writer) screen {
	if file, ok := w.(*os.File); ok && isatty.IsTerminal(file.Fd()) && os.Getenv("TERM") != "dumb" {
		return newDashboard(w)
	}
	return newPlainLines(w)
}

// dashboard shows the last status below the events. It takes no keys and leaves the terminal in its ordinary mode, so that
// Ctrl-C is the signal that it always is.
type dashboard struct {
	program *tea.Program
	events  chan string
	done    chan struct{}
}

func newDashboard(w io.Writer, opts ...tea.ProgramOption) *dashboard {
	opts = append([]tea.ProgramOption{tea.WithOutput(w), tea.WithInput(nil), tea.WithoutSignalHandler()}, opts...)
	d := &dashboard{program: tea.NewProgram(view{}, opts...), events: make(chan string, 1024), done: make(chan struct{})}
	abandon.Store(d.program)
	go func() {
		_, _ = d.program.Run() // without a terminal there is nobody to tell
		close(d.done)
	}()
	go func() {
		for line := range d.events {
			d.program.Println(line)
		}
		d.program.Send(gone{}) // or the last picture would stay among the results
		d.program.Quit()
	}()
	return d
}

// abandon has the program that hides the cursor now, if there is one.
var abandon atomic.Pointer[tea.Program]

// restoreTerminal is for a demo that ends at once.
func restoreTerminal() {
	if p := abandon.Load(); p != nil {
		p.Kill()
		p.Wait()
	}
}

func (*dashboard) every() time.Duration { return 200 * time.Millisecond }

func (d *dashboard) event(at time.Duration, text string) { d.events <- eventLine(at, text) }

func (d *dashboard) show(now status) { d.program.Send(now) }

func (d *dashboard) close() {
	close(d.events)
	<-d.done
}

// view is the dashboard's picture of the last status.
type view struct {
	now  status
	over bool
}

// gone takes the view away.
type gone struct{}

func (view) Init() tea.Cmd { return nil }

func (v view) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	switch m := m.(type) {
	case status:
		v.now = m
	case gone:
		v.over = true
	}
	return v, nil
}

var (
	frame   = lipgloss.NewStyle().Border(lipgloss.RoundedBorder()).BorderForeground(lipgloss.AdaptiveColor{Light: "250", Dark: "240"}).Padding(0, 1)
	strong  = lipgloss.NewStyle().Bold(true)
	faint   = lipgloss.NewStyle().Foreground(lipgloss.AdaptiveColor{Light: "243", Dark: "246"})
	good    = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.AdaptiveColor{Light: "28", Dark: "78"})
	careful = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.AdaptiveColor{Light: "136", Dark: "221"})
	bad     = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.AdaptiveColor{Light: "160", Dark: "203"})
)

const barWidth = 32

func (v view) View() string {
	s := v.now
	if s.guard == "" || v.over {
		return ""
	}
	most := max(s.primary, s.fallback, s.nowhere, 1)
	row := func(name, value string) string { return faint.Render(fmt.Sprintf("%-12s", name)) + value }
	rate := func(name string, perSecond float64, style lipgloss.Style) string {
		filled := int(perSecond / most * barWidth)
		bar := style.Render(strings.Repeat("█", filled)) + faint.Render(strings.Repeat("·", barWidth-filled))
		return row(name, fmt.Sprintf("%s %7.0f/s", bar, perSecond))
	}
	state := map[string]lipgloss.Style{isClosed: good, isOpen: bad, isHalfOpen: careful, noBreaker: faint}[s.state].Render(s.state)
	done := min(int(s.at*barWidth/max(s.of, 1)), barWidth)
	return frame.Render(strings.Join([]string{
		strong.Render(fmt.Sprintf("%-12s", s.guard)) + strings.Repeat("━", done) + faint.Render(strings.Repeat("─", barWidth-done)) +
			fmt.Sprintf(" %5.1fs of %s", s.at.Seconds(), brief(s.of)),
		row("sink", s.phase),
		row("breaker", fmt.Sprintf("%s   next probe %s", state, probeIn(s.nextProbe))),
		rate("primary", s.primary, good),
		rate("fallback", s.fallback, careful),
		rate("nowhere", s.nowhere, bad),
		row("log call", fmt.Sprintf("p99 %-10s failures %d", brief(s.p99), s.failures)),
	}, "\n")) + "\n"
}
