// SPDX-License-Identifier: Apache-2.0

// Report turns the output of record into the tables of README.md and BENCHMARKS.md, between their
// markers, and into the plots beside the raw data. A test requires that they match.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const usage = "usage: go run ./report [-C directory]\n\n" +
	"directory has README.md, BENCHMARKS.md and bench/; the default is the parent of this one."

func main() {
	root, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Println(usage)
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(2)
	}
	files, err := generate(root)
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(root, name), []byte(text), 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func parse(args []string) (root string, err error) {
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&root, "C", "..", "")
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() > 0 {
		return "", fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return root, nil
}

// The raw files, as written by record, instructions and ratios.
const (
	latest       = "bench/results/latest.txt"
	instructions = "bench/results/instructions.txt"
	ratios       = "bench/results/ratios.txt"
)

// generate returns the text of every file that depends on the raw ones, by its path below root.
func generate(root string) (map[string]string, error) {
	d, err := readAll(root)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for name, block := range map[string]string{
		"README.md":     readme(d),
		"BENCHMARKS.md": benchmarks(d),
	} {
		page, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return nil, err
		}
		if files[name], err = between(string(page), block); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, p := range plots {
		svg, err := p.svg(d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.file, err)
		}
		files["bench/results/"+p.file] = svg
	}
	return files, nil
}
