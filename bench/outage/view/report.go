// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// Report prints what the run has shown: the log calls, the breakers' part, and the verdict on the
// records last.
func Report(w io.Writer, s measure.Plan, results []measure.Result) {
	Say(w, "%s/%s %s, GOMAXPROCS %d\nThe guards ran one after the other, each alone.\n\n",
		runtime.GOOS, runtime.GOARCH, runtime.Version(), runtime.GOMAXPROCS(0))
	reportCalls(w, s, results)
	if s.Sink.Kind == sink.Embedded {
		reportOutages(w, results)
	}
	reportVerdict(w, s, results)
	for _, r := range results {
		for _, note := range r.Notes {
			Say(w, "%s.\n", note)
		}
	}
}

// reportCalls prints how long the log calls took.
func reportCalls(w io.Writer, s measure.Plan, results []measure.Result) {
	rows := [][]string{
		{"log calls", "calls/s", "primary/s", "fallback/s", "p50", "p99", "p99.9", "max"},
	}
	for _, r := range results {
		rows = append(rows, []string{r.Label})
		for p := range measure.Phases {
			took, c := r.During(p)
			if took == 0 {
				continue
			}
			called := measure.PhaseNames[p]
			if s.Sink.Kind != sink.Embedded {
				called = "whole run"
			}
			rate := func(n uint64) string { return number(measure.PerSecond(n, took)) }
			quantile := func(q float64) string {
				if r.Calls[p].TotalCount() == 0 {
					return "-"
				}
				return Brief(time.Duration(r.Calls[p].ValueAtQuantile(q)))
			}
			rows = append(rows, []string{
				"  " + called, rate(c.Returned), rate(c.Acknowledged), rate(c.Diverted),
				quantile(50), quantile(99), quantile(99.9), quantile(100),
			})
		}
	}
	table(w, rows)
	Say(w, `
A call is measured from when it was due on a schedule made before the run, also
if the call before it made it late, and counts for the phase that it was due in.
The rates count the calls that came back in a phase.

`)
}

// reportOutages prints what the breakers did, and the footprint.
func reportOutages(w io.Writer, results []measure.Result) {
	after := func(state string, p measure.Phase) func(measure.Result) string {
		return func(r measure.Result) string {
			if !r.HasBreaker {
				return measure.NoBreaker
			}
			d, ok := r.Until(state, p)
			if !ok {
				return "not seen"
			}
			return Brief(d)
		}
	}
	sideBySide(w, "outages", results, []figure{
		{"hang to open", after(measure.Open, measure.Hang)},
		{"slowest call then*", func(r measure.Result) string {
			if _, opened := r.Until(measure.Open, measure.Hang); !opened {
				return measure.NoBreaker
			}
			return Brief(r.OnceOpened[measure.Hang])
		}},
		{"resumed to closed", after(measure.Closed, measure.Resumed)},
		{"kill to open", after(measure.Open, measure.Dead)},
		{"restart to closed", after(measure.Closed, measure.Restarted)},
		{"tried while down", func(r measure.Result) string {
			return fmt.Sprint(r.WhileDown().Tried)
		}},
		{"probes while down", func(r measure.Result) string {
			if !r.HasBreaker {
				return measure.NoBreaker
			}
			return fmt.Sprint(r.WhileDown().Probes)
		}},
		{"goroutines**", func(r measure.Result) string {
			before, in := r.Peaks[measure.Healthy], r.Peaks[measure.Hang]
			return fmt.Sprintf("%s → %s", measured(before.Goroutines), measured(in.Goroutines))
		}},
		{"RSS MiB**", func(r measure.Result) string {
			before, in := r.Peaks[measure.Healthy], r.Peaks[measure.Hang]
			return fmt.Sprintf("%s → %s", mebibytes(before.RSS), mebibytes(in.RSS))
		}},
	})
	Say(w, `
*  Of the log calls that were due in the hang after the breaker had opened.
** At most, while healthy → in the hang. RSS is the whole demo's, with what was
   measured of the guards before.
tried: log calls' records that the client took to the sink while it was down.
probes: of Replay too.

`)
}

// reportVerdict prints where the records are.
func reportVerdict(w io.Writer, s measure.Plan, results []measure.Result) {
	count := func(of func(measure.Verdict) int) func(measure.Result) string {
		return func(r measure.Result) string { return fmt.Sprint(of(r.Verdict)) }
	}
	figures := []figure{
		{"offered", count(func(v measure.Verdict) int { return v.Offered })},
		{"in the sink at the end", count(func(v measure.Verdict) int { return v.InSink })},
		{"undelivered", count(measure.Verdict.Undelivered)},
		{"  in the fallback", count(func(v measure.Verdict) int { return v.Stranded })},
		{"  lost", count(func(v measure.Verdict) int { return v.Lost })},
		{"duplicated", count(func(v measure.Verdict) int { return v.Duplicated })},
	}
	if s.Sink.Kind == sink.Embedded {
		late := count(func(v measure.Verdict) int { return v.Primary.Late })
		figures = append(figures, figure{"late", late})
	}
	figures = append(figures, figure{"diverted", func(r measure.Result) string {
		return fmt.Sprint(r.Total.Diverted)
	}})
	why := reasonsOf(results)
	if why.Sum() > 0 {
		for _, of := range why.Shown() {
			name := "  " + measure.ReasonNames[of]
			figures = append(figures, figure{name, func(r measure.Result) string {
				if !r.HasReasons {
					return "-"
				}
				return fmt.Sprint(r.Total.Reasons[of])
			}})
		}
	}
	hasSpool := slices.ContainsFunc(results, func(r measure.Result) bool { return r.HasSpool })
	if hasSpool {
		figures = append(figures, figure{"replayed", func(r measure.Result) string {
			if !r.HasSpool {
				return "-"
			}
			return fmt.Sprint(r.Total.Replayed)
		}})
	}
	sideBySide(w, "verdict", results, figures)

	Say(w, "\n%s.\n", s.Sink.Meaning())
	Say(w, `offered = in the sink at the end + undelivered
undelivered = in the fallback, and not in the sink + lost
duplicated: copies beyond the first, of probes, of late records, and of batches
from the spool that got no answer in time.
`)
	if s.Sink.Kind == sink.Embedded {
		Say(w, "late: stored more than %s after it was sent.\n", Brief(s.Timeout))
	}
	Say(w, "diverted: went to the fallback during the run.\n")
	if why.Sum() > 0 {
		Say(w, `Below it: why, where the guard says so. rejected: by the breaker. failed: the
client returned an error. hung: no answer within the timeout, which the lane
reports to the breaker once per timeout. busy: the same, when it was reported
already.
`)
	}
	if hasSpool {
		Say(w, "replayed: written from the spool, which is the fallback, to the sink.\n")
	}
	for _, r := range results {
		if r.HasSpool {
			Say(w, "%s: offered=%d primary=%d undelivered=%d\n",
				r.Label, r.Verdict.Offered, r.Verdict.InSink, r.Verdict.Undelivered())
		}
	}
}

// reasonsOf returns the reasons of the guard that has some.
func reasonsOf(results []measure.Result) (why measure.ByReason) {
	for _, r := range results {
		if r.HasReasons {
			why = r.Total.Reasons
		}
	}
	return why
}

// figure is a row of a table that has a column for each guard.
type figure struct {
	name string
	of   func(measure.Result) string
}

// sideBySide prints a table with a column for each guard.
func sideBySide(w io.Writer, title string, results []measure.Result, measures []figure) {
	first, second := []string{title}, []string{""}
	for _, r := range results {
		above, below, _ := strings.Cut(r.Label, " ")
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

// table prints columns: the first to the left, as its words are, the others to the right, as
// numbers are. A row of one cell is a heading and widens no column.
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
		Say(&line, "  %-*s", widths[0], row[0])
		for i, cell := range row[1:] {
			Say(&line, "  %*s", widths[i+1], cell)
		}
		Say(w, "%s\n", strings.TrimRight(line.String(), " "))
	}
}

func number(f float64) string { return fmt.Sprintf("%.0f", f) }

// measured formats a number that is 0 only if nothing was measured.
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

// Brief formats a duration with three digits. One run does not justify more.
func Brief(d time.Duration) string {
	if d >= time.Minute {
		return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.Round(time.Second).String())
	}
	unit := time.Duration(1)
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit).String()
}
