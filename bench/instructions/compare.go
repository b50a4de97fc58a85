// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"strconv"

	"golang.org/x/perf/benchfmt"
)

// counts holds the instructions of our calls, by the name of the call.
type counts struct {
	toolchain string
	ours      map[string]int
}

// read parses the output of recordAll. A call that is missing in the file is missing in the result.
func read(r io.Reader) (counts, error) {
	c := counts{ours: map[string]int{}}
	read := map[string]int{}
	reader := benchfmt.NewReader(r, recordedFile)
	for reader.Scan() {
		switch line := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return counts{}, line
		case *benchfmt.Result:
			c.toolchain = line.GetConfig("toolchain")
			if n, ok := line.Value("instructions/op"); ok {
				read[string(line.Name.Full())] = int(n)
			}
		}
	}
	if err := reader.Err(); err != nil {
		return counts{}, err
	}
	if c.toolchain == "" {
		return counts{}, fmt.Errorf("%s: no results, or no toolchain in the header", recordedFile)
	}
	for _, kind := range calls {
		n, ok := read[kind.benchmark(kind.impl)]
		sink, known := read[kind.benchmark(kind.without)]
		if ok && (known || kind.without == "") {
			c.ours[kind.name] = n - sink
		}
	}
	return c, nil
}

// slack is how much the difference of two counts may grow. Each count is rounded, and slog's
// handler takes its buffers from a pool that the runtime empties.
const slack = 8

const row = "%-19s %8s %8s %6s  %s\n"

// compare prints one line for each count and returns how many are too high. Another compiler
// generates other instructions, so the recorded counts apply only to the toolchain that they were
// recorded with.
func compare(w io.Writer, now, then counts) (short int) {
	same := now.toolchain == then.toolchain
	if !same {
		printf(w, "The counts were recorded with %s. This is %s, so only the limits judge.\n",
			then.toolchain, now.toolchain)
	}
	printf(w, row, "", "measured", "recorded", "limit", now.toolchain)
	for _, c := range calls {
		n := now.ours[c.name]
		was, recorded := then.ours[c.name]
		judged := n
		if c.without != "" && was < n && n <= was+slack {
			judged = was
		}
		verdict, ok := judge(judged, was, c.limit, same, recorded)
		if !ok {
			short++
		}
		before := "-"
		if recorded {
			before = strconv.Itoa(was)
		}
		printf(w, row, c.name, strconv.Itoa(n), before, strconv.Itoa(c.limit), verdict)
	}
	if short > 0 {
		printf(w, "%d too high or not recorded; make instructions RECORD=1 records new counts\n",
			short)
	}
	return short
}

// judge returns the verdict on n instructions, where was is the recorded count. same means that
// both come from the same toolchain, and recorded that there is a recorded count.
func judge(n, was, limit int, same, recorded bool) (verdict string, ok bool) {
	switch {
	case n > limit:
		return "over the limit", false
	case !same:
		return "ok", true
	case !recorded:
		return "not recorded", false
	case n > was:
		return "grew", false
	case n < was:
		return "ok, shrank", true
	}
	return "ok", true
}

func printf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
