// SPDX-License-Identifier: Apache-2.0

// Command outage logs through a circuit breaker to a sink that it kills and restarts, and then looks for every record.
//
//	go run ./outage -h
//
// Where things are: flags.go the command line; trial.go what happens when, timeline.go when it happened; sink.go and
// process.go the sink, from inside and from outside; client.go and guard.go the logger's way to it; load.go the loggers;
// readback.go and verdict.go the search for the records; report.go all that is printed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const (
	exitOK    = 0
	exitLost  = 1 // a record is missing, or the demo could not run
	exitUsage = 2
)

func main() {
	runAsSink()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the first Ctrl-C ends the run with a verdict, a second one ends it at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// runAsSink does not return when this process was started to be the sink: startSink runs the binary that it is in.
func runAsSink() {
	if len(os.Args) != 4 || os.Args[1] != sinkCommand {
		return
	}
	if err := sinkMain(os.Args[2], os.Args[3], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "outage: sink:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run is the whole program but for the process around it, and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parseFlags(args)
	if errors.Is(err, flag.ErrHelp) {
		printUsage(stdout)
		return exitOK
	}
	if err != nil {
		say(stderr, "outage: %v (-h explains the flags)\n", err)
		return exitUsage
	}

	dir, err := os.MkdirTemp("", "outage-")
	if err != nil {
		say(stderr, "outage: %v\n", err)
		return exitLost
	}
	found, err := newTrial(s, dir, stdout).run(ctx)
	if err == nil {
		err = found.problem()
	}
	switch {
	case s.keep || found.isWrong(): // the evidence
		say(stdout, "files: %s\n", dir)
	default:
		_ = os.RemoveAll(dir)
	}
	if err != nil {
		say(stderr, "outage: %v\n", err)
		return exitLost
	}
	return exitOK
}

// say prints to a person. Nothing is to be done about a terminal that takes nothing any more.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
