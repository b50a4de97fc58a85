// SPDX-License-Identifier: Apache-2.0

// Instructions counts what a call executes, with valgrind's callgrind: unlike a time it is the same on every run, and on
// a busy machine. It prints lines for benchstat.
//
// The program runs itself under callgrind twice for each implementation, with fewer calls and with more; the difference
// is without what starting a Go program costs. That varies by some tens of thousands of instructions, so the calls are
// many and the results whole numbers. (To collect in one function alone would be exact, but callgrind loses track of
// where a goroutine is.) Callgrind counts what is executed, not how long the processor waits for it: a swap that fails
// and a lock that is contended cost more than their instructions, and there is one goroutine here.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/sinkguard/go-atomicbreaker/bench"
)

const fewer, more = 20_000, 220_000

var states = []struct {
	scenario bench.Scenario
	keys     string
}{
	{bench.Pair, "state=healthy/call=pair"},
	{bench.Permit, "state=healthy/call=permit"},
	{bench.Do, "state=healthy/call=do"},
	{bench.Reject, "state=open/call=pair"},
	{bench.RejectPermit, "state=open/call=permit"},
	{bench.RejectDo, "state=open/call=do"},
}

// omitted are those whose calls run on several goroutines: under callgrind they take minutes, and what is counted is how
// often the scheduler looks for work.
var omitted = map[string]bool{"hystrix": true, "handy": true}

func main() {
	if len(os.Args) == 4 { // under callgrind
		n, err := strconv.Atoi(os.Args[3])
		if err != nil {
			panic(err)
		}
		bench.New(bench.Scenario(os.Args[1]), os.Args[2])(n)
		return
	}
	if err := count(); err != nil {
		fmt.Fprintln(os.Stderr, "instructions:", err)
		os.Exit(1)
	}
}

func count() error {
	if err := bench.Header(os.Stdout, ".", "make instructions"); err != nil {
		return err
	}
	for _, s := range states {
		for _, subject := range bench.Subjects {
			if subject.Loops[s.scenario] == nil || omitted[subject.Name] {
				continue
			}
			low, err := callgrind(s.scenario, subject.Name, fewer)
			if err != nil {
				return err
			}
			high, err := callgrind(s.scenario, subject.Name, more)
			if err != nil {
				return err
			}
			fmt.Printf("BenchmarkInstructions/impl=%s/%s-1 %d %.0f instructions/op\n", subject.Name, s.keys, more-fewer,
				float64(high-low)/(more-fewer))
		}
	}
	return nil
}

var collected = regexp.MustCompile(`Collected : (\d+)`)

// callgrind returns the instructions of the whole program. It loses its footing at the signals by which the runtime preempts
// goroutines, so there are none.
func callgrind(s bench.Scenario, impl string, n int) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", self, string(s), impl, strconv.Itoa(n))
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1", "GOGC=off")
	out, err := cmd.CombinedOutput()
	m := collected.FindSubmatch(out)
	if err != nil || m == nil {
		return 0, fmt.Errorf("%s by %s: %w\n%s", s, impl, errors.Join(err, errors.New("nothing collected")), out)
	}
	return strconv.Atoi(string(m[1]))
}
