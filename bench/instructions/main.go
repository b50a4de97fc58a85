// SPDX-License-Identifier: Apache-2.0

// Instructions counts the instructions of a call, with valgrind's callgrind. Unlike a time, the
// count is the same on every run, and on a busy machine. The program compares this library's counts
// with the recorded ones and with their limits, and exits with 1 if one is too high. With -record
// it counts every implementation and prints lines for benchstat instead.
//
// The program runs itself under callgrind with fewer calls and with more; the difference excludes
// the startup of a Go program. The startup varies by some tens of thousands of instructions, so the
// calls are many and the results are whole numbers. (Collecting in one function alone would be
// exact, but callgrind loses track of the current goroutine.) Callgrind counts what is executed,
// not how long the processor waits for it: a failed swap and a contended lock cost more than their
// instructions, and there is only one goroutine here.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

const (
	usage = "usage: go run ./instructions [-record]\n\n" +
		"Compares the instructions of a call with those in " + recordedFile + ".\n" +
		"-record counts all implementations and prints the results, for that file."

	recordedFile = "results/instructions.txt"

	// limitsFor is the architecture of the limits and of the recorded counts.
	limitsFor = "amd64"

	ours = "atomic"
)

// call is one kind of call.
type call struct {
	name     string
	scenario scenario.Scenario
	keys     string // of its benchmark
	limit    int    // the most instructions that a call of ours may take
	impl     string // ours
	without  string // the implementation whose instructions do not count: an adapter's sink, or ""
}

// benchmark returns the name of the results of impl in the file.
func (c call) benchmark(impl string) string {
	return fmt.Sprintf("Instructions/impl=%s/%s-1", impl, c.keys)
}

var calls = []call{
	{"healthy pair", scenario.Pair, "state=healthy/call=pair", 16, ours, ""},
	{"healthy permit", scenario.Permit, "state=healthy/call=permit", 43, ours, ""},
	{"healthy Do", scenario.Do, "state=healthy/call=do", 108, ours, ""},
	{"rejected pair", scenario.Reject, "state=open/call=pair", 40, ours, ""},
	{"rejected permit", scenario.RejectPermit, "state=open/call=permit", 61, ours, ""},
	{"rejected Do", scenario.RejectDo, "state=open/call=do", 11, ours, ""},
	{"breakerio.Writer", scenario.WriteRecord, "state=healthy/call=write", 130, "breakerio", "bare"},
	{"breakerslog.Handler", scenario.LogRecord, "state=healthy/call=handle", 200, "breakerslog", "bare"},
}

// count returns the instructions of one call of ours.
func (c call) count() (int, error) {
	if c.without == "" {
		return exact.count(c.scenario, c.impl)
	}
	n, err := coarse.count(c.scenario, c.impl)
	if err != nil {
		return 0, err
	}
	sink, err := coarse.count(c.scenario, c.without)
	return n - sink, err
}

// omitted are the implementations whose calls run on several goroutines. Under callgrind they take
// minutes, and the count is dominated by the scheduler's search for work.
var omitted = map[string]bool{"hystrix": true, "handy": true}

// asLoop is an environment variable that is set under callgrind. This program then runs the loop
// that its arguments name: a scenario, an implementation and the number of calls.
const asLoop = "BENCH_LOOP"

func main() {
	if os.Getenv(asLoop) != "" {
		n, err := strconv.Atoi(os.Args[3])
		if err != nil {
			panic(err)
		}
		rivals.New(scenario.Scenario(os.Args[1]), os.Args[2])(n)
		return
	}
	record, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Println(usage)
		return
	case err != nil:
	case record:
		err = recordAll(os.Stdout)
	default:
		var ok bool
		if ok, err = compareOurs(os.Stdout); err == nil && !ok {
			os.Exit(1)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "instructions:", err)
		os.Exit(2)
	}
}

func parse(args []string) (record bool, err error) {
	flags := flag.NewFlagSet("instructions", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&record, "record", false, "")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	if flags.NArg() > 0 {
		return false, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return record, nil
}

// recordAll prints the counts of all implementations.
func recordAll(w io.Writer) error {
	if err := scenario.Header(w, ".", "make instructions RECORD=1"); err != nil {
		return err
	}
	for _, c := range calls {
		for _, subject := range rivals.All {
			as := rough
			switch {
			case c.without == "" && subject.Name == c.impl:
				as = exact
			case subject.Name == c.impl || subject.Name == c.without:
				as = coarse
			case subject.All()[c.scenario] == nil || omitted[subject.Name] || c.without != "":
				continue
			}
			n, err := as.count(c.scenario, subject.Name)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(w, "Benchmark%s %d %d instructions/op\n",
				c.benchmark(subject.Name), as.calls, n)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// compareOurs reports whether no count of ours is too high. It skips the comparison where counting
// is impossible or the limits do not apply.
func compareOurs(w io.Writer) (ok bool, err error) {
	var reason string
	if _, err := exec.LookPath("valgrind"); err != nil {
		reason = "valgrind is not installed"
	}
	if runtime.GOARCH != limitsFor {
		reason = fmt.Sprintf("the counts are for %s, this is %s", limitsFor, runtime.GOARCH)
	}
	if reason != "" {
		_, err := fmt.Fprintln(w, "instructions: skipped:", reason)
		return true, err
	}
	text, err := os.ReadFile(recordedFile)
	if err != nil {
		return false, err
	}
	then, err := read(bytes.NewReader(text))
	if err != nil {
		return false, err
	}
	now := counts{toolchain: runtime.Version(), ours: map[string]int{}}
	for _, c := range calls {
		if now.ours[c.name], err = atMost(then.ours[c.name], c.count); err != nil {
			return false, err
		}
	}
	return compare(w, now, then) == 0, nil
}
