// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
)

// NewScreen returns a dashboard if w is a terminal that has room for one, else plain lines.
func NewScreen(w io.Writer) Screen {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(file.Fd()) || os.Getenv("TERM") == "dumb" {
		return newPlainLines(w)
	}
	width, height, err := term.GetSize(file.Fd())
	if err != nil || width < leastWidth || height < leastHeight {
		return newPlainLines(w)
	}
	return newDashboard(w, func() int {
		if now, _, err := term.GetSize(file.Fd()); err == nil {
			width = now
		}
		return width
	})
}

// dashboard shows the last status below the events. It reads no keys and leaves the terminal in its
// ordinary mode, so that Ctrl-C sends a signal.
type dashboard struct {
	program *tea.Program
	width   func() int // of the terminal, now
	events  chan string
	done    chan struct{}
}

func newDashboard(w io.Writer, width func() int, opts ...tea.ProgramOption) *dashboard {
	opts = append([]tea.ProgramOption{
		tea.WithOutput(w), tea.WithInput(nil), tea.WithoutSignalHandler(),
	}, opts...)
	d := &dashboard{
		program: tea.NewProgram(model{width: width()}, opts...), width: width,
		events: make(chan string, 1024), done: make(chan struct{}),
	}
	abandon.Store(d.program)
	go func() {
		_, _ = d.program.Run() // an error means that the terminal is gone
		close(d.done)
	}()
	go func() {
		for line := range d.events {
			// Parts of the dashboard would stay behind a line that wraps, and before one that does
			// not begin at the left: the echo of Ctrl-C moves the cursor.
			d.program.Println("\r" + ansi.Truncate(line, d.width(), "…"))
		}
		d.program.Send(gone{})
		d.program.Quit()
	}()
	return d
}

// abandon is the program that has hidden the cursor, if there is one.
var abandon atomic.Pointer[tea.Program]

// RestoreTerminal shows the cursor again. It is for a program that ends at once.
func RestoreTerminal() {
	if p := abandon.Load(); p != nil {
		p.Kill()
		p.Wait()
	}
}

func (*dashboard) Every() time.Duration { return 200 * time.Millisecond }

func (d *dashboard) Event(at time.Duration, text string) { d.events <- EventLine(at, text) }

func (d *dashboard) Show(now Status) { d.program.Send(now) }

func (d *dashboard) Close() {
	close(d.events)
	<-d.done
}

// model is the dashboard's picture of the last status.
type model struct {
	now   Status
	width int // of the terminal
	over  bool
}

// gone takes the view away.
type gone struct{}

func (model) Init() tea.Cmd { return nil }

func (v model) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	switch m := m.(type) {
	case Status:
		v.now = m
	case tea.WindowSizeMsg:
		v.width = m.Width
	case gone:
		v.over = true
	}
	return v, nil
}

var (
	border = lipgloss.AdaptiveColor{Light: "250", Dark: "240"}
	frame  = lipgloss.NewStyle().Padding(0, 1).
		Border(lipgloss.RoundedBorder()).BorderForeground(border)

	strong  = lipgloss.NewStyle().Bold(true)
	faint   = colored("243", "246")
	good    = colored("28", "78").Bold(true)
	careful = colored("136", "221").Bold(true)
	bad     = colored("160", "203").Bold(true)
)

// colored is a style with a color for light terminals and one for dark ones.
func colored(light, dark string) lipgloss.Style {
	return lipgloss.NewStyle().Foreground(lipgloss.AdaptiveColor{Light: light, Dark: dark})
}

// stateStyles are the styles of the breaker's states.
var stateStyles = map[string]lipgloss.Style{
	measure.Closed: good, measure.Open: bad, measure.HalfOpen: careful, measure.NoBreaker: faint,
}

// The dashboard's measures, in columns and rows.
const (
	nameWidth   = 12
	clockWidth  = len(" 604.4s of 9m59s")
	shortestBar = 16
	longestBar  = 32
	frameWidth  = 4 // two borders, and the space within
	leastWidth  = frameWidth + nameWidth + shortestBar + clockWidth
	leastHeight = 2 + 12 + 2 // borders, rows at most, and an event above and the cursor below
)

func (v model) View() string {
	s := v.now
	if s.Guard == "" || v.over {
		return "\r"
	}
	longest := min(max(v.width-frameWidth-nameWidth-clockWidth, shortestBar), longestBar)
	bar := func(share float64, full, empty string, style lipgloss.Style) string {
		filled := int(min(max(share, 0), 1) * float64(longest))
		rest := faint.Render(strings.Repeat(empty, longest-filled))
		return style.Render(strings.Repeat(full, filled)) + rest
	}
	row := func(name, format string, args ...any) string {
		return faint.Render(fmt.Sprintf("%-*s", nameWidth, name)) + fmt.Sprintf(format, args...)
	}
	most := max(s.Primary, s.Fallback, s.Nowhere, 1)
	rate := func(name string, perSecond float64, style lipgloss.Style) string {
		count := measure.Compact(uint64(perSecond + 0.5))
		return row(name, "%s %5s/s", bar(perSecond/most, "█", "·", style), count)
	}
	progress := bar(float64(s.At)/float64(max(s.Of, 1)), "━", "─", lipgloss.NewStyle())
	state := stateStyles[s.State].Render(s.State)
	rows := []string{
		strong.Render(s.Guard),
		row("run", "%s %5.1fs of %s", progress, s.At.Seconds(), Brief(s.Of)),
		row("sink", "%s", s.Phase),
		row("breaker", "%s   next probe %s", state, probeIn(s.NextProbe)),
		rate("primary", s.Primary, good),
		rate("fallback", s.Fallback, careful),
		rate("nowhere", s.Nowhere, bad),
	}
	if s.HasReasons {
		count := func(of measure.Reason) string { return measure.Compact(s.WhySoFar[of]) }
		rows = append(rows,
			row("diverted", "rejected %-7s failed %s",
				count(measure.Rejected), count(measure.Failed)),
			row("", "hung     %-7s busy   %s",
				count(measure.Hung), count(measure.Busy)))
		if s.WhySoFar[measure.RecordError] > 0 {
			name := measure.ReasonNames[measure.RecordError]
			rows = append(rows, row("", "%s %s", name, count(measure.RecordError)))
		}
	}
	if s.HasSpool {
		rows = append(rows, row("backlog", "%-7s  replayed %s",
			measure.Compact(s.Backlog), measure.Compact(s.Replayed)))
	}
	rows = append(rows, row("log call", "p99 %-7s failures %s",
		Brief(s.P99), measure.Compact(s.Failures)))
	width := nameWidth + longest + clockWidth + 2
	return "\r" + frame.Width(width).Render(strings.Join(rows, "\n")) + "\n"
}
