// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

const row = "%-55s %8s %9s  %-13s %s\n"

// printf usually writes to the terminal, so there is no place to report its error.
func printf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

func header(w io.Writer, rounds int) {
	printf(w, "%s %s/%s, %s, GOMAXPROCS %d; medians of %d rounds\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, cpu(), runtime.GOMAXPROCS(0), rounds)
	printf(w, row, "ratio", "at most", "measured", "", "ns a call")
}

// report prints the goals and returns how many exceed their limit.
func report(w io.Writer, goals []goal, results []result) (missed int) {
	for i, g := range goals {
		r := results[i]
		limit, verdict := "-", "informational"
		if g.limit > 0 {
			limit, verdict = fmt.Sprintf("%.4g", g.limit), "ok"
			if !holds(r.ratio, g.limit) {
				verdict = "missed"
				missed++
			}
		}
		times := fmt.Sprintf("%.2f / %.2f %s", r.ours, r.reference, r.fastest)
		if strings.HasPrefix(string(g.ours.scenario), "Batch/") {
			times += fmt.Sprintf(", %.2g records/s", 1e9/r.ours)
		}
		printf(w, row, g.name, limit, fmt.Sprintf("%.3f", r.ratio), verdict, times)
	}
	return missed
}

// holds is false for NaN, too.
func holds(ratio, limit float64) bool { return ratio <= limit }

// reportAllocations prints one row for all paths, and one for each that allocates. It returns the
// number of the latter.
func reportAllocations(w io.Writer, paths []side, counts []uint64, calls int) (missed int) {
	var total uint64
	var allocating []string
	for i, n := range counts {
		total += n
		if n > 0 {
			line := fmt.Sprintf("  %s: %d in %d calls\n", paths[i].scenario, n, calls)
			allocating = append(allocating, line)
		}
	}
	verdict := "ok"
	if len(allocating) > 0 {
		verdict = "missed"
	}
	name := fmt.Sprintf("allocations, %d paths, %d calls each", len(paths), calls)
	printf(w, row, name, "0", fmt.Sprint(total), verdict, "")
	for _, line := range allocating {
		printf(w, "%s", line)
	}
	return len(allocating)
}

// cpu returns the processor's name on systems with Linux's /proc/cpuinfo.
func cpu() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // elsewhere there is none
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}
