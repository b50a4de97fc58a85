// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Header writes the context of the results: what was measured in directory, by which command, and
// on which machine.
func Header(w io.Writer, directory, command string) error {
	commit := "unknown"
	git := exec.Command("git", "describe", "--always", "--dirty")
	git.Dir = directory
	if out, err := git.Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	date := time.Now().UTC().Format(time.DateOnly)
	_, err := fmt.Fprintf(w, "commit: %s\ntoolchain: %s\ncores: %d\ndate: %s\ncommand: %s\n",
		commit, runtime.Version(), runtime.GOMAXPROCS(0), date, command)
	return err
}
