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
	"syscall"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

const usage = "usage: go run ./record [-count n] [-bench regexp] [-benchtime t] [-o file] [-C directory]\n\n" +
	"n is the number of rounds: 1 or more, default 10.\n" +
	"regexp selects benchmarks, as for go test; the default is all.\n" +
	"t is how long a benchmark runs in a round: a duration, or a number of calls such as 100x;\n" +
	"the default is 40ms.\n" +
	"file gets the results; the default is results/latest.txt.\n" +
	"directory has the benchmarks; the default is this one."

type plan struct {
	count              int
	bench, time        string
	results, directory string
}

func main() {
	p, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Println(usage)
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := p.run(ctx, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

var calls = regexp.MustCompile(`^[1-9][0-9]{0,8}x$`)

func parse(args []string) (p plan, err error) {
	flags := flag.NewFlagSet("record", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&p.count, "count", 10, "")
	flags.StringVar(&p.bench, "bench", ".", "")
	flags.StringVar(&p.time, "benchtime", "40ms", "")
	flags.StringVar(&p.results, "o", "results/latest.txt", "")
	flags.StringVar(&p.directory, "C", ".", "")
	if err := flags.Parse(args); err != nil {
		return p, err
	}
	if flags.NArg() > 0 {
		return p, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if p.count < 1 {
		return p, fmt.Errorf("-count %d: want 1 or more", p.count)
	}
	if _, err := regexp.Compile(p.bench); err != nil {
		return p, fmt.Errorf("-bench %q: %w", p.bench, err)
	}
	if d, err := time.ParseDuration(p.time); (err != nil || d <= 0) && !calls.MatchString(p.time) {
		return p, fmt.Errorf(
			"-benchtime %q: want a duration above 0, or 1 to 999999999 calls, such as 100x", p.time)
	}
	if info, err := os.Stat(p.results); err == nil && info.IsDir() {
		return p, fmt.Errorf("-o %q: want a file, this is a directory", p.results)
	}
	return p, nil
}

// run writes to a temporary file until everything is measured, so that a failed run leaves the last
// results unchanged.
func (p plan) run(ctx context.Context, progress io.Writer) (err error) {
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
// round. The files of the benchmarks are beside the binary, so that they are deleted with it if the
// round is interrupted.
func (p plan) round(
	ctx context.Context, binary string, w io.Writer, first bool, report func(n int),
) (n int, err error) {
	cmd := p.command(ctx, binary,
		"-test.run=^$", "-test.bench="+p.bench, "-test.benchtime="+p.time, "-test.timeout=30m")
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Dir(binary))
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
