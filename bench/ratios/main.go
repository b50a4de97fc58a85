// SPDX-License-Identifier: Apache-2.0

// Ratios measures the breaker's cost relative to other things: loads, the clock, a mutex. It prints
// one line for each documented ratio and exits with 1 if one exceeds its limit. Times differ
// between machines; ratios differ much less.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

const (
	usage = "usage: go run ./ratios [-rounds n] [-o file]\n\n" +
		"n is the number of rounds to take medians of: 7 to 999, default 11.\n" +
		"file gets what is printed, for make report."

	defaultRounds, minRounds, maxRounds = 11, 7, 999

	allocationCalls = 100_000
)

func main() {
	rounds, file, err := parse(os.Args[1:])
	if err == nil {
		err = writable(file)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Println(usage)
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(2)
	}
	removeAtInterrupt()
	var text bytes.Buffer
	missed := run(io.MultiWriter(os.Stdout, &text), rounds)
	if err := scenario.RemoveScratch(); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(2)
	}
	if file != "" {
		if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "ratios:", err)
			os.Exit(2)
		}
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "ratios: %d missed\n", missed)
		os.Exit(1)
	}
}

// removeAtInterrupt deletes the temporary files of an interrupted run: they may be large.
func removeAtInterrupt() {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupts
		_ = scenario.RemoveScratch()
		os.Exit(130)
	}()
}

func parse(args []string) (rounds int, file string, err error) {
	flags := flag.NewFlagSet("ratios", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&rounds, "rounds", defaultRounds, "")
	flags.StringVar(&file, "o", "", "")
	switch err := flags.Parse(args); {
	case err != nil:
		return 0, "", err
	case flags.NArg() > 0:
		return 0, "", fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case rounds < minRounds || rounds > maxRounds:
		return 0, "", fmt.Errorf("-rounds %d: want %d to %d", rounds, minRounds, maxRounds)
	}
	return rounds, file, nil
}

// writable returns an error if file cannot be written, before anything is measured. It does not
// change a file that exists.
func writable(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	return f.Close()
}

func run(w io.Writer, rounds int) (missed int) {
	header(w, rounds)
	missed = report(w, goals, measure(goals, rounds))
	missed += reportBounds(w, bounds, measureBounds(bounds, rounds))
	missed += reportHang(w, measureHang())
	spool, err := measureSpool(spoolBytes, replayRecords)
	missed += reportSpool(w, spool, err)
	counts := make([]uint64, len(unallocated))
	for i, path := range unallocated {
		counts[i] = allocations(path, allocationCalls)
	}
	return missed + reportAllocations(w, unallocated, counts, allocationCalls)
}
