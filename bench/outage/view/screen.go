// SPDX-License-Identifier: Apache-2.0

// Package view shows the demo's runs: live on a terminal, and afterwards as tables and a picture.
package view

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
)

// Screen is where a run is watched: a dashboard on a terminal (dashboard.go), plain lines elsewhere
// (below).
type Screen interface {
	Event(at time.Duration, text string) // something happened; does not block a log call for long
	Show(Status)
	Every() time.Duration // how often the trial calls show
	Close()               // takes the live view away; the events stay
}

// Status is the live view.
type Status struct {
	Guard  string
	At, Of time.Duration
	Phase  string // "" with the user's own endpoint
	State  string

	Primary, Fallback, Nowhere float64 // records/s by where they went

	P99       time.Duration
	Failures  uint64        // records that the sink did not take, so far
	NextProbe time.Duration // negative: the guard knows of none

	HasSpool bool
	Backlog  uint64 // records in the spool
	Replayed uint64 // records that the sink took from it, so far

	HasReasons    bool             // the guard says why records went to the fallback
	Why, WhySoFar measure.ByReason // since the last look; since the beginning
}

// plainLines prints a line a second, and the events between them as they come. Events are queued,
// because they come from within log calls and a pipe may take its time.
type plainLines struct {
	w      io.Writer
	lines  chan string
	closed sync.WaitGroup
	header string // of the guard that the last header was for
}

func newPlainLines(w io.Writer) *plainLines {
	s := &plainLines{w: w, lines: make(chan string, 1024)}
	s.closed.Go(func() {
		for line := range s.lines {
			Say(w, "%s\n", line)
		}
	})
	return s
}

func (*plainLines) Every() time.Duration { return time.Second }

func (s *plainLines) Event(at time.Duration, text string) { s.lines <- EventLine(at, text) }

// EventLine returns an event as both screens print it.
func EventLine(at time.Duration, text string) string {
	return fmt.Sprintf("%6.2fs  * %s", at.Seconds(), text)
}

const plainColumns = "%7s %-9s %-9s %9s %10s %9s %6s  %s"

func (s *plainLines) Show(now Status) {
	if s.header != now.Guard {
		s.header = now.Guard
		s.lines <- fmt.Sprintf(plainColumns, "time", "phase", "breaker",
			"primary/s", "fallback/s", "nowhere/s", "p99", "main reason")
	}
	s.lines <- fmt.Sprintf(plainColumns,
		fmt.Sprintf("%.2fs", now.At.Seconds()), now.Phase, now.State,
		number(now.Primary), number(now.Fallback), number(now.Nowhere),
		Brief(now.P99), now.Why.Chief())
}

func probeIn(d time.Duration) string {
	switch {
	case d < 0:
		return "-"
	case d == 0:
		return "due"
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}

func (s *plainLines) Close() {
	close(s.lines)
	s.closed.Wait()
}

// Say prints and ignores the error: a terminal that has gone is no reason to stop.
func Say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
