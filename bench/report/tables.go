// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals"
)

// impls returns all implementations in the order of every table and plot: no breaker, then the
// order of their list.
func impls() []string {
	names := []string{"bare"}
	for _, subject := range rivals.All {
		if subject.Name != "bare" {
			names = append(names, subject.Name)
		}
	}
	return names
}

// table has a row for each implementation that was measured in any of its columns.
type table struct {
	title   string
	columns []column
}

// column names a benchmark, with %s for the implementation.
type column struct{ title, pattern, unit string }

func tables() []table {
	var all []table
	add := func(title string, columns ...column) { all = append(all, table{title, columns}) }
	over := func(keys []string, title, pattern, unit string) (columns []column) {
		for _, k := range keys {
			name := strings.ReplaceAll(pattern, "KEY", k)
			columns = append(columns, column{fmt.Sprintf(title, k), name, unit})
		}
		return columns
	}
	forms := []struct{ call, title string }{
		{"pair", "Allow and RecordSuccess"},
		{"permit", "two steps with a permit"},
		{"do", "a call with a function"},
	}
	few, many := []string{"1", "2"}, []string{"1", "2", "4", "16", "256", "4096"}
	const goroutines = "%s together"
	for _, form := range forms {
		counts := many
		if form.call == "permit" {
			counts = few
		}
		add("Healthy, "+form.title+", ns",
			over(counts, goroutines, "Healthy/impl=%s/call="+form.call+"/g=KEY", "ns/op")...)
	}
	for _, form := range forms {
		pattern := "Rejecting/impl=%s/state=open/call=" + form.call + "/g=KEY"
		add("Rejected while open, "+form.title+", ns", over(few, goroutines, pattern, "ns/op")...)
	}
	add("Rejected while half-open, ns",
		over(few, goroutines, "Rejecting/impl=%s/state=half_open/call=pair/g=KEY", "ns/op")...)
	for _, form := range forms {
		pattern := "Flaky/impl=%s/fails=KEY/call=" + form.call + "/g=2"
		add("Some calls fail, none trips, 2 goroutines, "+form.title+", ns",
			over([]string{"0.1%", "1%", "25%"}, "%s fail", pattern, "ns/op")...)
	}
	add("One call in a hundred fails, a call with a function, ns",
		over(many, goroutines, "Flaky/impl=%s/fails=1%/call=do/g=KEY", "ns/op")...)
	storm := "Storm/impl=%s/threshold=100/call=pair/g=KEY"
	add("A storm of failures up to the trip, ns a failure",
		over([]string{"1", "2", "64"}, goroutines, storm, "ns/op")...)
	herd := "Herd/impl=%s/probes=4/call=permit/g=KEY"
	add("A herd at the half-open edge, ns a call",
		over([]string{"1", "64"}, goroutines, herd, "ns/op")...)
	add("Trip and recover: five failures, a probe that succeeds",
		column{"ns a cycle", "Cycle/impl=%s/hook=none/call=do/g=1", "ns/op"},
		column{"allocations", "Cycle/impl=%s/hook=none/call=do/g=1", "allocs/op"},
		column{"with a hook, ns", "Cycle/impl=%s/hook=counting/call=do/g=1", "ns/op"},
		column{"allocations", "Cycle/impl=%s/hook=counting/call=do/g=1", "allocs/op"})
	for _, breakers := range []struct{ key, title string }{
		{"one", "one breaker for both"},
		{"each", "a breaker for each"},
	} {
		pattern := "Isolation/impl=%s/fails=KEY/breakers=" + breakers.key + "/g=2"
		add("Two goroutines, "+breakers.title+", Allow and an outcome, ns",
			over([]string{"0%", "0.1%", "1%", "25%"}, "%s fail", pattern, "ns/op")...)
	}
	for _, unit := range []struct{ title, unit string }{
		{"Bytes of a closed breaker", "closed-B/breaker"},
		{"Bytes of an open breaker", "open-B/breaker"},
		{"Time until all have tripped, ns a breaker", "trip-ns/breaker"},
		{"Time until all have recovered, ns a breaker", "recover-ns/breaker"},
	} {
		add(unit.title,
			column{"one", "Fleet/impl=%s/breakers=1", unit.unit},
			column{"1,000", "Fleet/impl=%s/breakers=1000", unit.unit},
			column{"1,000,000", "Fleet/impl=%s/breakers=1000000", unit.unit})
	}
	for _, sink := range []struct{ key, title string }{
		{"discard", "sink that does nothing"},
		{"file", "file"},
	} {
		pattern := "Log/impl=%s/logger=KEY/sink=" + sink.key + "/g=1"
		add("A log call to a "+sink.title+", ns",
			over([]string{"slog", "zap", "zerolog"}, "%s", pattern, "ns/op")...)
	}
	const append200 = "Queue/impl=%s/op=append/sync="
	add("A queue on disk, append a record of 200 bytes",
		column{"1 goroutine, ns", append200 + "never/g=1", "ns/op"},
		column{"2 together, ns", append200 + "never/g=2", "ns/op"},
		column{"each synced, ns", append200 + "always/g=1", "ns/op"},
		column{"allocations", append200 + "never/g=1", "allocs/op"},
		column{"bytes on disk", "Queue/impl=%s/op=size/g=1", "disk-B/record"})
	add("A queue on disk, read and forget records of 200 bytes, into a sink that does nothing",
		column{"one by one, ns a record", "Queue/impl=%s/op=read/batches=false/g=1", "ns/op"},
		column{"in batches, ns a record", "Queue/impl=%s/op=read/batches=true/g=1", "ns/op"},
		column{"open 64 MiB, ms", "Queue/impl=%s/op=open/records=64MiB/g=1", "ms/open"})
	add("Allocated in a call",
		column{"healthy do, bytes", "Healthy/impl=%s/call=do/g=1", "B/op"},
		column{"objects", "Healthy/impl=%s/call=do/g=1", "allocs/op"},
		column{"healthy permit, bytes", "Healthy/impl=%s/call=permit/g=1", "B/op"},
		column{"objects", "Healthy/impl=%s/call=permit/g=1", "allocs/op"},
		column{"rejected do, bytes", "Rejecting/impl=%s/state=open/call=do/g=1", "B/op"},
		column{"objects", "Rejecting/impl=%s/state=open/call=do/g=1", "allocs/op"})
	for _, g := range []string{"2", "64"} {
		shares, pattern := []string{"0.1%", "1%", "25%", "50%"}, "Retries/impl=%s/fails=KEY/g="+g
		add("Compare-and-swaps that failed, per call, "+g+" goroutines",
			over(shares, "%s fail", pattern, "retries/op")...)
	}
	counts := func(keys []string, title, state string) []column {
		pattern := "Instructions/impl=%s/state=" + state + "/call=KEY"
		return over(keys, title, pattern, "instructions/op")
	}
	calls := []string{"pair", "permit", "do"}
	add("Instructions of a call", counts(calls, "healthy %s", "healthy")...)
	add("Instructions of a rejected call", counts(calls, "%s", "open")...)
	add("Instructions of a record, with and without an adapter",
		counts([]string{"write", "handle"}, "%s", "healthy")...)
	return all
}

// headline is the README's table. The tables of BENCHMARKS.md have all of its columns.
var headline = table{"", []column{
	{"healthy, two-step", "Healthy/impl=%s/call=permit/g=1", "ns/op"},
	{"healthy, function", "Healthy/impl=%s/call=do/g=1", "ns/op"},
	{"rejected, function", "Rejecting/impl=%s/state=open/call=do/g=1", "ns/op"},
	{"allocations per call", "Healthy/impl=%s/call=do/g=1", "allocs/op"},
	{"slog call, output discarded", "Log/impl=%s/logger=slog/sink=discard/g=1", "ns/op"},
	{"bytes per breaker", "Fleet/impl=%s/breakers=1000", "closed-B/breaker"},
}}

// headlineImpls returns the rows of the README's table.
func headlineImpls() []string {
	names := []string{"bare", "atomic", "mutex"}
	for _, library := range rivals.Libraries {
		names = append(names, library.Name)
	}
	return names
}

// markdown returns the table, or an empty string if nothing was measured.
func (t table) markdown(d *data, impls []string) string {
	var rows strings.Builder
	for _, impl := range impls {
		var cells []string
		measured := false
		for _, c := range t.columns {
			v := d.get(c.name(impl), c.unit)
			measured = measured || !v.no
			cells = append(cells, v.String())
		}
		if measured {
			fmt.Fprintf(&rows, "| %s | %s |\n", label(impl), strings.Join(cells, " | "))
		}
	}
	if rows.Len() == 0 {
		return ""
	}
	var head strings.Builder
	head.WriteString("| |")
	for _, c := range t.columns {
		head.WriteString(" " + c.title + " |")
	}
	return head.String() + "\n|---|" + strings.Repeat("--:|", len(t.columns)) + "\n" + rows.String()
}

func (c column) name(impl string) string { return strings.ReplaceAll(c.pattern, "%s", impl) }

// label returns an implementation's name for readers.
func label(impl string) string {
	switch impl {
	case "atomic":
		return "**atomicbreaker**"
	case "atomic_timer":
		return "**atomicbreaker**, timeout 1 ns"
	case "breakerio", "breakerslog", "breakerspool":
		return "**" + impl + "**"
	case "mutex":
		return "the same behind a Mutex"
	case "rwmutex":
		return "the same behind a RWMutex"
	case "unpacked":
		return "unpacked (wrong)"
	case "load":
		return "limit: atomic loads"
	case "hand":
		return "limit: written by hand"
	case "clock":
		return "limit: reading the clock"
	case "file":
		return "limit: a bare file"
	case "bare":
		return "no breaker"
	}
	return impl
}
