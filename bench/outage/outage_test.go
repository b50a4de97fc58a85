// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests in this file run the whole program, a sink process included.

// terminal keeps what the program prints, and has it interrupted once it has printed something.
type terminal struct {
	bytes.Buffer
	until     string // "": let it run to its end
	interrupt context.CancelFunc
}

func (w *terminal) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if w.until != "" && strings.Contains(w.String(), w.until) {
		w.interrupt()
	}
	return n, err
}

// execute runs the program with a temporary folder of its own until it prints something, and returns what it leaves in there.
func execute(t *testing.T, until string, args ...string) (code int, stdout, stderr string, left []string) {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp) // Windows
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out, errs := terminal{until: until, interrupt: cancel}, bytes.Buffer{}
	code = run(ctx, append([]string{"-out", filepath.Join(tmp, "out")}, args...), &out, &errs)
	left, err := filepath.Glob(filepath.Join(tmp, "outage-*"))
	require.NoError(t, err)
	return code, out.String(), errs.String(), left
}

// verdictOf finds a guard's line of the verdict in what the program printed.
func verdictOf(t *testing.T, stdout, guard string) (offered, primary, fallback, lost, duplicated, late int) {
	t.Helper()
	_, verdicts, found := strings.Cut(stdout, "verdict ")
	require.True(t, found, stdout)
	line := regexp.MustCompile(`(?m)^ *` + guard + ` +(\d.*)$`).FindStringSubmatch(verdicts)
	require.NotNil(t, line, stdout)
	_, err := fmt.Sscan(line[1], &offered, &primary, &fallback, &lost, &duplicated, &late)
	require.NoError(t, err, stdout)
	return offered, primary, fallback, lost, duplicated, late
}

// inOrder demands that text has the parts in that order, and returns what follows the last one.
func inOrder(t *testing.T, text string, parts ...string) (rest string) {
	t.Helper()
	rest = text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		require.True(t, found, "%q is missing, or comes too early", part)
		rest = after
	}
	return rest
}

// slowHang is the one complaint of a whole run that a busy machine can cause.
// TestResultIsAProblemWhenTheHangWasSlow is about it.
var slowHang = regexp.MustCompile(`^outage: ours: in the hang \d+ records/s reached the fallback: less than half of the healthy \d+\n$`)

func TestOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("takes four seconds")
	}
	code, stdout, stderr, left := execute(t, "", "-duration", "4s", "-rate", "1000", "-guards", ours)
	t.Log(stdout)
	if !slowHang.MatchString(stderr) {
		assert.Equal(t, exitOK, code)
		assert.Empty(t, stderr)
	}
	assert.Empty(t, left, "the files of records are removed")

	// Of late nothing is demanded: a late answer can still be in time, when the client's timer is later.
	offered, primary, fallback, lost, duplicated, _ := verdictOf(t, stdout, ours)
	assert.Zero(t, lost)
	assert.Equal(t, offered+duplicated, primary+fallback+lost)
	assert.Greater(t, primary, 100)
	assert.Greater(t, fallback, 100)
	// Only what follows from something else has an order. A probe that is admitted late in the hang, for
	// one, succeeds when the sink goes on, and none is needed then.
	rest := inOrder(t, stdout, "8 goroutines log 1000 records/s", "ours: breakerio.Writer", "the sink hangs: SIGSTOP",
		"the sink goes on: SIGCONT", "the sink is killed: SIGKILL", "the sink is back", "log calls", "healthy", "hang", "resumed",
		"dead", "restarted", "restart to closed", "verdict", "in neither is lost", "picture: ")
	inOrder(t, stdout, "SIGSTOP", "breaker open", "breaker half_open (probe_admitted)", "breaker closed (probe_succeeded)", "log calls")
	inOrder(t, stdout, "SIGKILL", "breaker half_open (probe_admitted)", "breaker closed (probe_succeeded)", "log calls")
	live := regexp.MustCompile(`(?m)^ +\d+\.\d\ds  (healthy|hang|resumed|dead|restarted) +(closed|open|half_open) +\d+ +\d+ +\d+ +\S+ +\d+ +\S+$`).FindAllString(stdout, -1)
	assert.GreaterOrEqual(t, len(live), 2, "one line a second")

	folder := filepath.Dir(strings.TrimSpace(rest))
	image, err := os.ReadFile(filepath.Join(folder, "outage.svg"))
	require.NoError(t, err)
	assert.Contains(t, string(image), `class="open"`)
	tables, err := os.ReadFile(filepath.Join(folder, "outage.txt"))
	require.NoError(t, err)
	assert.Contains(t, stdout, string(tables))
}

// Acknowledged and not stored: the demo believes the files, not the sink, and not itself.
func TestOutageFindsOutThatRecordsAreMissing(t *testing.T) {
	t.Setenv(forgetful, "1")
	code, stdout, stderr, left := execute(t, "healthy ", "-duration", "10m", "-guards", ours) // after a second, that is
	assert.Equal(t, exitLost, code)
	offered, primary, fallback, lost, duplicated, _ := verdictOf(t, stdout, ours)
	assert.InDelta(t, offered/100, lost, float64(fallback)+1, "each 100th, but for those that a busy machine let time out")
	assert.Positive(t, lost)
	assert.Equal(t, offered+duplicated, primary+fallback+lost)
	assert.Contains(t, stderr, fmt.Sprintf("outage: ours: %d record", lost))
	require.Len(t, left, 1, "the files are the evidence")
	assert.Contains(t, stdout, left[0])
}

func TestOutageInterrupted(t *testing.T) {
	code, stdout, stderr, left := execute(t, "healthy ", "-duration", "10m", "-goroutines", "3", "-keep")
	assert.Equal(t, exitOK, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "interrupted")
	assert.NotContains(t, stdout, "failover:", "the guards that are left do not begin")
	offered, primary, fallback, lost, duplicated, _ := verdictOf(t, stdout, "bare")
	assert.Greater(t, offered, 10)
	assert.Equal(t, offered+duplicated, primary+fallback+lost)
	require.Len(t, left, 1, "they are to be kept")
	assert.FileExists(t, filepath.Join(left[0], "bare.sink"))
	assert.FileExists(t, filepath.Join(left[0], "bare.fallback.jsonl"))
}

// An end in the middle of the hang leaves no process behind, and no log call waiting.
func TestOutageInterruptedInTheHang(t *testing.T) {
	code, stdout, _, _ := execute(t, "SIGSTOP", "-duration", "4s", "-guards", ours)
	assert.Equal(t, exitOK, code, stdout)
	assert.NotContains(t, stdout, "SIGCONT")
	alive.Range(func(p, _ any) bool {
		t.Error("still there:", p)
		return true
	})
}

func TestOutageThatCannotWriteItsPicture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	code, stdout, stderr, _ := execute(t, "bare: ", "-guards", "bare", "-out", file)
	assert.Equal(t, exitUsage, code)
	assert.Empty(t, stdout, "before anything is run")
	assert.Contains(t, stderr, file)
}

func TestOutageOfSomebodysEndpoint(t *testing.T) {
	var taken atomic.Int64
	server := httptest.NewServer(acknowledge(writerFunc(func(p []byte) (int, error) {
		if n := taken.Add(1); n > 100 && n <= 106 {
			return 0, errSink // enough to open the breaker and to fail a probe
		}
		return len(p), nil
	})))
	defer server.Close()
	code, stdout, stderr, _ := execute(t, "breaker closed", "-duration", "1m", "-timeout", "7s", "-goroutines", "1", "-rate", "1000", "-sink", server.URL+pushPath)
	t.Log(stdout)
	assert.Equal(t, exitOK, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "your endpoint acknowledged")
	assert.Contains(t, stdout, "breaker half_open")
	assert.NotContains(t, stdout, "SIGSTOP")
	assert.Regexp(t, `whole run +\d+ +\d+ +\d+`, stdout)
	assert.Regexp(t, `ours +\d+ +\d+ +[1-9]\d* +0 +unknown +unknown`, stdout)
}
