// SPDX-License-Identifier: Apache-2.0

// The command breakerspool shows what a spool holds, also while a process uses it and after that
// process is gone. It never writes.
//
//	breakerspool ls DIR     the segments: records, bytes, oldest record, damage
//	breakerspool cat DIR    the records, oldest first, to pipe anywhere
//
// DIR may also be the directory rejected of a spool, with the records that the sink refused for
// good. cat adds a newline to a record that does not end with one. Records that the sink takes
// while the command runs may be shown all the same, and a record that is being written may look
// damaged.
//
// cat reports damage on the standard error, and ls counts it. A segment without a header is named
// NAME.bad after the spool has found it. Both commands report a file that cannot be read, and go
// on. If that file has the acknowledgments of a segment, all records of the segment are shown. The
// exit status is 1 if there is damage or a file cannot be read, and 2 for bad arguments.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

const usage = `usage:
  breakerspool ls DIR     the segments: records, bytes, oldest record, damage
  breakerspool cat DIR    the records, oldest first
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) != 2 {
		_, _ = fmt.Fprint(stderr, usage)
		return 2
	}
	out := bufio.NewWriter(stdout)
	show := &shower{out: out, stderr: stderr}
	var err error
	switch args[0] {
	case "ls":
		err = show.list(args[1])
	case "cat":
		err = show.cat(args[1])
	default:
		_, _ = fmt.Fprintf(stderr, "breakerspool: no command %q\n%s", args[0], usage)
		return 2
	}
	if unflushed := out.Flush(); err == nil {
		err = unflushed
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "breakerspool: %v\n", err)
		return 1
	}
	if show.reported {
		return 1
	}
	return 0
}
