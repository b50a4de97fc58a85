// SPDX-License-Identifier: Apache-2.0

// Record runs all benchmarks of bench/ several times and writes their output to a file that
// benchstat reads, with a header that describes the machine and the command. It reports its
// progress on standard error.
//
// Each round is a process of its own that runs every benchmark once, so the samples of one
// benchmark lie minutes apart. A temporary slowdown of the machine, or the placement of code and
// heap, then shows as spread instead of as a difference. (go test -count runs the samples back to
// back.)
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

type plan struct {
	count              int
	bench, time        string
	results, directory string
}

func main() {
	var p plan
	flag.IntVar(&p.count, "count", 10, "rounds")
	flag.StringVar(&p.bench, "bench", ".", "`regexp` of the benchmarks to run")
	flag.StringVar(&p.time, "benchtime", "40ms", "how long each of them runs in a round")
	flag.StringVar(&p.results, "o", "results/latest.txt", "`file` to write")
	flag.StringVar(&p.directory, "C", ".", "`directory` of the benchmarks, if not this one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := p.run(ctx, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

var times = regexp.MustCompile(`^[1-9][0-9]*x$`)

// run writes to a temporary file until everything is measured, so that a failed run leaves the last
// results unchanged.
func (p plan) run(ctx context.Context, progress io.Writer) (err error) {
	if p.count < 1 {
		return fmt.Errorf("-count %d: want at least 1", p.count)
	}
	if _, err := regexp.Compile(p.bench); err != nil {
		return fmt.Errorf("-bench: %w", err)
	}
	if _, err := time.ParseDuration(p.time); err != nil && !times.MatchString(p.time) {
		return fmt.Errorf("-benchtime %q: want a duration, or a number of calls and an x", p.time)
	}
	scratch, err := os.MkdirTemp("", "record-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	binary := filepath.Join(scratch, "bench.test")
	build := p.command(ctx, "go", "test", "-c", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	if err := os.MkdirAll(filepath.Dir(p.results), 0o755); err != nil {
		return err
	}
	partial := p.results + ".partial"
	f, err := os.Create(partial)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err == nil {
			err = os.Rename(partial, p.results)
		} else {
			err = errors.Join(err, os.Remove(partial))
		}
	}()
	command := fmt.Sprintf("make bench COUNT=%d BENCH=%s BENCHTIME=%s", p.count, p.bench, p.time)
	if err := scenario.Header(f, p.directory, command); err != nil {
		return err
	}
	start := time.Now()
	lines := 0 // of the first round, which the others will have as well
	for round := range p.count {
		report := func(n int) {
			elapsed := time.Since(start)
			_, _ = fmt.Fprintf(progress, "\rround %d of %d, benchmark %d%s: %s, %s left   ",
				round+1, p.count, n, of(lines),
				elapsed.Round(time.Second), left(elapsed, round, p.count, n, lines))
		}
		if lines, err = p.round(ctx, binary, f, round == 0, report); err != nil {
			return err
		}
	}
	_, _ = fmt.Fprintln(progress)
	return nil
}

func (p plan) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = p.directory
	return cmd
}

// round runs all benchmarks once and copies their lines, those about the machine only in the first
// round.
func (p plan) round(
	ctx context.Context, binary string, w io.Writer, first bool, report func(n int),
) (n int, err error) {
	cmd := p.command(ctx, binary,
		"-test.run=^$", "-test.bench="+p.bench, "-test.benchtime="+p.time, "-test.timeout=30m")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	scanner := bufio.NewScanner(out)
	for scanner.Scan() {
		line := scanner.Text()
		key, _, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(key, "Benchmark"):
			n++
			report(n)
		case first && strings.HasSuffix(key, ":"):
		default:
			continue
		}
		if _, err := fmt.Fprintln(w, strings.Join(strings.Fields(line), " ")); err != nil {
			return n, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
		}
	}
	if err := errors.Join(scanner.Err(), cmd.Wait()); err != nil {
		return n, fmt.Errorf("benchmarks: %w", err)
	}
	if n == 0 {
		return 0, fmt.Errorf("no benchmark matches %q", p.bench)
	}
	return n, nil
}

func of(lines int) string {
	if lines == 0 {
		return ""
	}
	return fmt.Sprint(" of ", lines)
}

// left estimates the remaining time from the progress. During the first round the number of
// benchmarks is unknown.
func left(elapsed time.Duration, round, rounds, n, lines int) string {
	if lines == 0 {
		return "unknown"
	}
	done := float64(round) + float64(n)/float64(lines)
	remaining := time.Duration(float64(elapsed) * (float64(rounds) - done) / done)
	return remaining.Round(time.Second).String()
}
