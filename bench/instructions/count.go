// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// precision determines how a call is counted. Variation between runs only adds instructions, most
// of them by the runtime's own threads, which do more the longer a run takes.
type precision struct {
	calls int // between the run with fewer and the run with more
	runs  int // of each; the one with the fewest instructions counts
}

const fewer = 20_000

var (
	rough = precision{200_000, 1}
	exact = precision{500_000, 3} // these counts are judged

	// coarse is for adapters, of which a record takes thousands of instructions: see slack.
	coarse = precision{100_000, 3}
)

// count returns the instructions of one call.
func (p precision) count(s scenario.Scenario, impl string) (int, error) {
	low, err := p.least(s, impl, fewer)
	if err != nil {
		return 0, err
	}
	high, err := p.least(s, impl, fewer+p.calls)
	if err != nil {
		return 0, err
	}
	return whole(float64(high-low) / float64(p.calls)), nil
}

// whole returns the true number of instructions, an integer, from the measurement n. A measurement
// is up to three quarters too high, because of the run with more calls, or a quarter too low,
// because of the other.
func whole(n float64) int { return int(math.Floor(n + 0.25)) }

func (p precision) least(s scenario.Scenario, impl string, n int) (int, error) {
	least := math.MaxInt
	for range p.runs {
		collected, err := callgrind(s, impl, n)
		if err != nil {
			return 0, err
		}
		least = min(least, collected)
	}
	return least, nil
}

// recounts is how often a count is repeated that is too high.
const recounts = 4

// atMost counts again while a count exceeds the given one, and returns the least. On a busy machine
// a run takes longer, and the runtime's threads may add more than the precision allows for.
func atMost(recorded int, count func() (int, error)) (int, error) {
	n, err := count()
	for range recounts {
		if err != nil || n <= recorded {
			break
		}
		var again int
		again, err = count()
		n = min(n, again)
	}
	return n, err
}

var collected = regexp.MustCompile(`Collected : (\d+)`)

// callgrind returns the instructions of the whole program. Valgrind itself sometimes crashes or
// stands still, so a run that gives no count is repeated.
func callgrind(s scenario.Scenario, impl string, n int) (count int, err error) {
	for range 3 {
		if count, err = callgrindOnce(s, impl, n); err == nil {
			break
		}
	}
	return count, err
}

// runLimit bounds a run, which takes seconds.
const runLimit = 2 * time.Minute

// callgrindOnce disables the signals by which the runtime preempts goroutines, because callgrind
// loses track at them. The processor that valgrind emulates claims RDTSCP even where the real one
// lacks it, and valgrind cannot execute it then; the runtime would use it when two threads contend
// for one of its locks.
func callgrindOnce(s scenario.Scenario, impl string, n int) (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
		self, string(s), impl, strconv.Itoa(n))
	cmd.WaitDelay = time.Second
	cmd.Env = append(os.Environ(),
		asLoop+"=1", "GODEBUG=asyncpreemptoff=1,cpu.rdtscp=off", "GOMAXPROCS=1", "GOGC=off")
	out, err := cmd.CombinedOutput()
	m := collected.FindSubmatch(out)
	if err != nil || m == nil {
		err = errors.Join(err, errors.New("nothing collected"))
		return 0, fmt.Errorf("%s by %s: %w\n%s", s, impl, err, out)
	}
	return strconv.Atoi(string(m[1]))
}
