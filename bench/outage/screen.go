// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// screen is where a run is watched: a dashboard on a terminal (dashboard.go), plain lines elsewhere (below).
type screen interface {
	event(at time.Duration, text string) // something happened; it must not block a log call for long
	show(status)
	every() time.Duration // how often the trial calls show
	close()               // takes the live view away; the events stay
}

// status is the live view.
type status struct {
	guard                      string
	at, of                     time.Duration
	phase                      string // "" with somebody's own endpoint
	state                      string
	primary, fallback, nowhere float64 // records/s by where they went
	p99                        time.Duration
	failures                   uint64        // records that the sink did not take, so far
	nextProbe                  time.Duration // negative: the guard knows of none
	hasReasons                 bool          // the guard says why records went to the fallback
	why, whySoFar              byReason      // since the last look; since the beginning
}

// plainLines prints a line a second, and the events between them as they come. Events are queued, because they come from
// within log calls and a pipe may take its time.
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
			say(w, "%s\n", line)
		}
	})
	return s
}

func (*plainLines) every() time.Duration { return time.Second }

func (s *plainLines) event(at time.Duration, text string) { s.lines <- eventLine(at, text) }

func eventLine(at time.Duration, text string) string {
	return fmt.Sprintf("%6.2fs  * %s", at.Seconds(), text)
}

const plainColumns = "%7s %-9s %-9s %9s %10s %9s %6s  %s"

func (s *plainLines) show(now status) {
	if s.header != now.guard {
		s.header = now.guard
		s.lines <- fmt.Sprintf(plainColumns,
			"time", "phase", "breaker", "primary/s", "fallback/s", "nowhere/s", "p99", "main reason")
	}
	s.lines <- fmt.Sprintf(plainColumns, fmt.Sprintf("%.2fs", now.at.Seconds()), now.phase, now.state,
		number(now.primary), number(now.fallback), number(now.nowhere), brief(now.p99), now.why.chief())
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

func (s *plainLines) close() {
	close(s.lines)
	s.closed.Wait()
}
