// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// introduce says what will happen.
func introduce(w io.Writer, s settings) {
	say(w, "load      %d goroutines log %d records/s, with %s, for %s behind each of: %s\n",
		s.goroutines, s.rate, s.loggerNames(), brief(s.duration), strings.Join(s.guards, ", "))
	if s.sink.kind == embeddedSink {
		say(w, "sink      a process that takes a record as Loki does, stores it, then answers 204; one for each guard\n")
		say(w, "schedule  hangs after %s, goes on after %s, is killed after %s, comes back after %s\n",
			brief(hang.at(s.duration)), brief(resumed.at(s.duration)), brief(dead.at(s.duration)), brief(restarted.at(s.duration)))
	} else {
		say(w, "sink      %s, yours to stop and start while this runs\n", s.sink.where)
	}
	say(w, "guards    a log call waits %s for the sink; breakers open after %d failures in a row and probe after %s\n\n",
		brief(s.timeout), failureThreshold, recoveryTimeout)
}

func (s settings) loggerNames() string {
	if s.logger == allLoggers {
		return strings.Join(loggerKinds, ", ")
	}
	return s.logger
}

// report prints what the run has shown: the log calls, the breakers' part, and the verdict on the records last.
func report(w io.Writer, s settings, results []result) {
	say(w, "%s/%s %s, GOMAXPROCS %d; the guards ran one after the other, each alone\n\n", runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.GOMAXPROCS(0))
	reportCalls(w, s, results)
	if s.sink.kind == embeddedSink {
		reportOutages(w, results)
	}
	table(w, append([]string{"verdict"}, verdictColumns...), func(row func(...string)) {
		for _, r := range results {
			row(append([]string{r.name}, r.verdict.cells()...)...)
		}
	})
	say(w, "\n%s.\n", s.sink.meaning())
	if s.sink.kind == embeddedSink {
		say(w, "duplicated: copies beyond the first. late: stored by the sink more than %s after they were sent.\n", brief(s.timeout))
	}
	for _, r := range results {
		for _, note := range r.notes() {
			say(w, "%s.\n", note)
		}
	}
}

// reportCalls is about the loggers' callers.
func reportCalls(w io.Writer, s settings, results []result) {
	columns := []string{"log calls", "phase", "calls/s", "primary/s", "fallback/s", "p50", "p99", "p99.9", "max"}
	table(w, columns, func(row func(...string)) {
		for _, r := range results {
			name := r.name
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
				row(name, called, number(perSecond(c.returned, took)), number(perSecond(c.acknowledged, took)), number(perSecond(c.diverted, took)),
					quantile(50), quantile(99), quantile(99.9), quantile(100))
				name = ""
			}
		}
	})
	say(w, "\nA call is measured from when it was due on a schedule made before the run, also if the one before it made it late,\nand counts for the phase that it was due in; the rates count the calls that came back in a phase.\n\n")
}

// reportOutages is about the sink, and what it cost to guard it.
func reportOutages(w io.Writer, results []result) {
	columns := []string{
		"outages", "hang to open", "resumed to closed", "kill to open", "restart to closed",
		"tried while down", "probes", "goroutines*", "RSS MiB*",
	}
	table(w, columns, func(row func(...string)) {
		for _, r := range results {
			after := func(state string, p phase) string {
				if !r.hasBreaker {
					return noBreaker
				}
				d, ok := r.until(state, p)
				if !ok {
					return "not seen"
				}
				return brief(d)
			}
			probes := noBreaker
			if r.hasBreaker {
				probes = fmt.Sprint(r.whileDown().probes)
			}
			before, hung := r.peaks[healthy], r.peaks[hang]
			row(r.name, after(isOpen, hang), after(isClosed, resumed), after(isOpen, dead), after(isClosed, restarted),
				fmt.Sprint(r.whileDown().tried), probes, fmt.Sprintf("%d → %d", before.goroutines, hung.goroutines),
				fmt.Sprintf("%s → %s", mebibytes(before.rss), mebibytes(hung.rss)))
		}
	})
	say(w, "\n* at most, while healthy → in the hang; RSS is the whole demo's, with what was measured of the guards before.\ntried: records that the client took to the sink while it was down, probes among them.\n\n")
}

// table prints columns: the first to the left, as its words are, the others to the right, as numbers are.
func table(w io.Writer, columns []string, rows func(row func(...string))) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	var width int
	var lines [][]string
	row := func(cells ...string) {
		lines = append(lines, cells)
		width = max(width, len(cells[0]))
	}
	row(columns...)
	rows(row)
	for _, cells := range lines {
		say(out, "%-*s\t%s\t\n", width, cells[0], strings.Join(cells[1:], "\t"))
	}
	_ = out.Flush()
}

func number(f float64) string { return fmt.Sprintf("%.0f", f) }

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
