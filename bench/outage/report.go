// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
)

// report prints what the run has shown: the log calls, the breakers' part, and the verdict on the records last.
func report(w io.Writer, s plan, results []result) {
	say(w, "%s/%s %s, GOMAXPROCS %d\nThe guards ran one after the other, each alone.\n\n",
		runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.GOMAXPROCS(0))
	reportCalls(w, s, results)
	if s.sink.kind == embeddedSink {
		reportOutages(w, results)
	}
	reportVerdict(w, s, results)
	for _, r := range results {
		for _, note := range r.notes {
			say(w, "%s.\n", note)
		}
	}
}

// reportCalls is about the loggers' callers.
func reportCalls(w io.Writer, s plan, results []result) {
	rows := [][]string{{"log calls", "calls/s", "primary/s", "fallback/s", "p50", "p99", "p99.9", "max"}}
	for _, r := range results {
		rows = append(rows, []string{r.label})
		for p := range phases {
			took, c := r.during(p)
			if took == 0 {
				continue
			}
			called := phaseNames[p]
			if s.sink.kind != embeddedSink {
				called = "whole run"
			}
			quantile := func(q float64) string {
				if r.calls[p].TotalCount() == 0 {
					return "-"
				}
				return brief(time.Duration(r.calls[p].ValueAtQuantile(q)))
			}
			rows = append(rows, []string{
				"  " + called, number(perSecond(c.returned, took)), number(perSecond(c.acknowledged, took)),
				number(perSecond(c.diverted, took)), quantile(50), quantile(99), quantile(99.9), quantile(100),
			})
		}
	}
	table(w, rows)
	say(w, `
A call is measured from when it was due on a schedule made before the run, also
if the call before it made it late, and counts for the phase that it was due in.
The rates count the calls that came back in a phase.

`)
}

// reportOutages is about the breakers, and what it cost to guard the sink.
func reportOutages(w io.Writer, results []result) {
	after := func(state string, p phase) func(result) string {
		return func(r result) string {
			if !r.hasBreaker {
				return noBreaker
			}
			d, ok := r.until(state, p)
			if !ok {
				return "not seen"
			}
			return brief(d)
		}
	}
	sideBySide(w, "outages", results, []figure{
		{"hang to open", after(isOpen, hang)},
		{"slowest call then*", func(r result) string {
			if _, opened := r.until(isOpen, hang); !opened {
				return noBreaker
			}
			return brief(r.onceOpened[hang])
		}},
		{"resumed to closed", after(isClosed, resumed)},
		{"kill to open", after(isOpen, dead)},
		{"restart to closed", after(isClosed, restarted)},
		{"tried while down", func(r result) string { return fmt.Sprint(r.whileDown().tried) }},
		{"probes while down", func(r result) string {
			if !r.hasBreaker {
				return noBreaker
			}
			return fmt.Sprint(r.whileDown().probes)
		}},
		{"goroutines**", func(r result) string {
			return fmt.Sprintf("%s → %s", measured(r.peaks[healthy].goroutines), measured(r.peaks[hang].goroutines))
		}},
		{"RSS MiB**", func(r result) string {
			return fmt.Sprintf("%s → %s", mebibytes(r.peaks[healthy].rss), mebibytes(r.peaks[hang].rss))
		}},
	})
	say(w, `
*  Of the log calls that were due in the hang after the breaker had opened.
** At most, while healthy → in the hang. RSS is the whole demo's, with what was
   measured of the guards before.
tried: records that the client took to the sink while it was down, with probes.

`)
}

// reportVerdict is about the records.
func reportVerdict(w io.Writer, s plan, results []result) {
	count := func(of func(verdict) int) func(result) string {
		return func(r result) string { return fmt.Sprint(of(r.verdict)) }
	}
	measures := []figure{
		{"offered", count(func(v verdict) int { return v.offered })},
		{"primary", count(func(v verdict) int { return v.primary.records })},
		{"fallback", count(func(v verdict) int { return v.fallback.records })},
	}
	var why byReason
	for _, r := range results {
		if r.hasReasons {
			why = r.why
		}
	}
	if why.sum() > 0 {
		for _, of := range why.shown() {
			measures = append(measures, figure{"  " + reasonNames[of], func(r result) string {
				if !r.hasReasons {
					return "-"
				}
				return fmt.Sprint(r.why[of])
			}})
		}
	}
	measures = append(measures,
		figure{"lost", count(func(v verdict) int { return v.lost })},
		figure{"duplicated", count(func(v verdict) int { return v.duplicated })},
	)
	if s.sink.kind == embeddedSink {
		measures = append(measures, figure{"late", count(func(v verdict) int { return v.primary.late })})
	}
	sideBySide(w, "verdict", results, measures)
	say(w, "\n%s.\n", s.sink.meaning())
	say(w, "offered + duplicated = primary + fallback + lost\nduplicated: copies beyond the first, of probes and of late records.\n")
	if s.sink.kind == embeddedSink {
		say(w, "late: stored more than %s after it was sent.\n", brief(s.timeout))
	}
	if why.sum() > 0 {
		say(w, "%s", `Below fallback: why, where the guard says so.
rejected: by the breaker. failed: the client returned an error. hung: no answer
within the timeout, which the lane reports to the breaker once per timeout.
busy: the same, when it was reported already.
`)
	}
}

// figure is a row of a table that has a column for each guard.
type figure struct {
	name string
	of   func(result) string
}

// sideBySide prints a table with a column for each guard.
func sideBySide(w io.Writer, title string, results []result, measures []figure) {
	first, second := []string{title}, []string{""}
	for _, r := range results {
		above, below, _ := strings.Cut(r.label, " ")
		first, second = append(first, above), append(second, below)
	}
	rows := [][]string{first, second}
	if strings.Join(second, "") == "" {
		rows = rows[:1]
	}
	for _, m := range measures {
		row := []string{m.name}
		for _, r := range results {
			row = append(row, m.of(r))
		}
		rows = append(rows, row)
	}
	table(w, rows)
}

// table prints columns: the first to the left, as its words are, the others to the right, as numbers are. A row of one cell
// is a heading and widens no column.
func table(w io.Writer, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if len(row) > 1 {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	for _, row := range rows {
		var line strings.Builder
		say(&line, "  %-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			say(&line, "  %*s", widths[i+1], cell)
		}
		say(w, "%s\n", strings.TrimRight(line.String(), " "))
	}
}

func number(f float64) string { return fmt.Sprintf("%.0f", f) }

// measured writes a number that is 0 only where nothing was measured.
func measured(n int) string {
	if n == 0 {
		return "?"
	}
	return fmt.Sprint(n)
}

func mebibytes(bytes uint64) string {
	if bytes == 0 {
		return "?"
	}
	return fmt.Sprintf("%.0f", float64(bytes)/(1<<20))
}

// brief writes a duration with three digits, which is as much as one run can say.
func brief(d time.Duration) string {
	if d >= time.Minute {
		return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.Round(time.Second).String())
	}
	unit := time.Duration(1)
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit).String()
}
