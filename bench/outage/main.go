// SPDX-License-Identifier: Apache-2.0

// Command outage logs to a sink that it freezes, kills and restarts, behind four guards, and then
// looks for every record.
//
//	go run ./outage -h
//
// The guards are in guards.go, the loggers and their load in loggers.go and load.go. trial.go runs
// one guard, schedule.go breaks its sink, spool.go replays what it missed, page.go shows its breaker
// in a browser, and judge.go looks for the records. The folders have the rest: sink the sink and its
// clients, measure what a run has shown, view the output.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/view"
)

const (
	exitOK    = 0
	exitLost  = 1 // a record is missing, or the demo could not run
	exitUsage = 2
)

func main() {
	sink.RunIfChild()
	signal.Ignore(syscall.SIGPIPE) // make demo | head cleans up as well
	ctx, stop := signal.NotifyContext(context.Background(),
		os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, atOnce) // the first Ctrl-C ends in a verdict, the second at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run runs the program and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parseFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		printUsage(stdout)
		return exitOK
	}
	if err != nil {
		view.Say(stderr, "outage: %v (-h explains the flags)\n", err)
		return exitUsage
	}

	err = os.MkdirAll(s.out, 0o755) // so that an error comes before the run
	if err != nil {
		view.Say(stderr, "outage: -out: %v\n", err)
		return exitUsage
	}
	dir, err := os.MkdirTemp("", "outage-")
	if err != nil {
		view.Say(stderr, "outage: %v\n", err)
		return exitLost
	}
	records.Store(&dir)
	registry := breakers.NewRegistry()
	page, closePage, err := servePage(registry)
	if err != nil {
		view.Say(stderr, "outage: the page of the breakers: %v\n", err)
		return exitLost
	}
	defer closePage()
	introduce(stdout, s, page)
	results, err := runTrials(ctx, s, registry, dir, stdout)
	if len(results) > 0 {
		err = errors.Join(err, conclude(s, results, stdout))
	}
	evidence := false
	for _, r := range results {
		evidence = evidence || r.IsEvidence()
	}
	switch {
	case s.keep || evidence:
		view.Say(stdout, "records: %s\n", dir)
	default:
		_ = os.RemoveAll(dir)
	}
	if err != nil {
		view.Say(stderr, "outage: %s\n", strings.ReplaceAll(err.Error(), "\n", "\noutage: "))
		return exitLost
	}
	return exitOK
}

// runTrials runs one guard after the other. If they ran side by side, they would take the
// processors from each other, and a guard whose callers wait would take less than its share.
func runTrials(
	ctx context.Context, s settings, registry *breakers.Registry, dir string, stdout io.Writer,
) (results []measure.Result, problems error) {
	on := view.NewScreen(stdout)
	defer on.Close()
	for _, c := range contenders {
		if ctx.Err() != nil || !slices.Contains(s.guards, c.Name) {
			continue
		}
		r, err := newTrial(s, c, registry, dir, on).run(ctx)
		if err == nil {
			err = r.Problem()
		}
		wasBegun := r.Recorder != nil
		if err != nil && (wasBegun || ctx.Err() == nil) {
			problems = errors.Join(problems, fmt.Errorf("%s: %w", c.Label, err))
		}
		if wasBegun {
			results = append(results, r)
		}
	}
	return results, problems
}

// conclude prints the tables, and writes them and the picture to files.
func conclude(s settings, results []measure.Result, stdout io.Writer) error {
	var tables bytes.Buffer
	view.Report(&tables, s.Plan, results)
	view.Say(stdout, "\n%s\n", tables.Bytes())
	text, image := filepath.Join(s.out, "outage.txt"), filepath.Join(s.out, "outage.svg")
	err := errors.Join(
		os.WriteFile(text, tables.Bytes(), 0o600),
		os.WriteFile(image, view.Picture(s.Plan, results), 0o600),
	)
	if err == nil {
		view.Say(stdout, "picture: %s\n", image)
	}
	return err
}

// records is the folder of the files of records.
var records atomic.Pointer[string]

// A signal this soon after the first one comes from the same Ctrl-C. A child that is being started
// shares the memory and the process group of this program, which then gets the signal twice.
const sameKey = 100 * time.Millisecond

// atOnce ends the program at the next signal. It kills the sink, because a frozen one does not
// notice that its parent has gone.
func atOnce() {
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	for first := time.Now(); time.Since(first) < sameKey; {
		<-again
	}
	sink.KillAll()
	view.RestoreTerminal()
	if dir := records.Load(); dir != nil {
		_ = os.RemoveAll(*dir)
	}
	os.Exit(exitLost)
}
