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
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/view/console"
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

// execute runs the program with a temporary folder of its own until it prints something, and
// returns what it leaves in there.
func execute(
	t *testing.T, until string, args ...string,
) (code int, stdout, stderr string, left []string) {
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

// verdictOf finds the verdict on the only guard in what the program printed.
func verdictOf(t *testing.T, stdout string) map[string]int {
	t.Helper()
	_, text, found := strings.Cut(stdout, "  verdict ")
	require.True(t, found, stdout)
	v := make(map[string]int)
	rows := regexp.MustCompile(`(?m)^ +([a-z ]+?) +(\d+)$`)
	for _, row := range rows.FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(row[2])
		require.NoError(t, err)
		v[row[1]] = n
	}
	for _, row := range []string{
		"offered", inTheSink, "undelivered", "in the fallback", "lost", "duplicated", "diverted",
	} {
		require.Contains(t, v, row, stdout)
	}
	assert.Equal(t, v["offered"], v[inTheSink]+v["undelivered"], "conservation")
	assert.Equal(t, v["undelivered"], v["in the fallback"]+v["lost"], "conservation")
	return v
}

const inTheSink = "in the sink at the end"

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
var slowHang = regexp.MustCompile(`^outage: atomicbreaker: in the hang \d+ records/s ` +
	`reached the fallback: less than half of the healthy \d+\n$`)

func TestOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("takes four seconds")
	}
	code, stdout, stderr, left := execute(t, "",
		"-duration", "4s", "-rate", "1000", "-guards", atomicBreaker)
	t.Log(stdout)
	if !slowHang.MatchString(stderr) {
		assert.Equal(t, exitOK, code)
		assert.Empty(t, stderr)
	}
	assert.Empty(t, left, "the files of records are removed")

	// Of late nothing is demanded: a late answer can still be in time, when the client's timer is
	// later.
	v := verdictOf(t, stdout)
	assert.Zero(t, v["lost"])
	assert.Zero(t, v["undelivered"])
	assert.Equal(t, v["offered"], v[inTheSink], "the spool has been replayed")
	assert.Contains(t, stdout, fmt.Sprintf("offered=%d primary=%[1]d undelivered=0", v["offered"]))
	assert.Greater(t, v["offered"]-v["diverted"], 100)
	assert.Greater(t, v["diverted"], 100)
	assert.GreaterOrEqual(t, v["replayed"], v["diverted"], "each at least once")
	assert.Equal(t, v["diverted"], v["rejected"]+v["failed"]+v["hung"]+v["busy"],
		"each for one reason")
	assert.Positive(t, v["hung"], "the sink was frozen for four timeouts")
	assert.Positive(t, v["rejected"])
	// Only what follows from something else has an order. A probe that is admitted late in the
	// hang, for one, succeeds when the sink goes on, and none is needed then.
	rest := inOrder(t, stdout,
		"8 goroutines log 1000 records/s", "atomicbreaker: breakerio.Writer",
		"the sink hangs: SIGSTOP", "the sink goes on: SIGCONT",
		"the sink is killed: SIGKILL", "the sink is back", "the spool is empty: ",
		"log calls", "healthy", "hang", "resumed", "dead", "restarted", "restart to closed",
		"verdict", "in neither is lost", "picture: ")
	console.Fits(t, 80, strings.TrimSuffix(stdout, rest)) // except for the path of the picture
	inOrder(t, stdout, "SIGSTOP", "breaker open", "breaker half_open (probe_admitted)",
		"breaker closed (probe_succeeded)", "log calls")
	inOrder(t, stdout, "SIGKILL", "breaker half_open (probe_admitted)",
		"breaker closed (probe_succeeded)", "log calls")
	live := regexp.MustCompile(`(?m)^ +\d+\.\d\ds (healthy|hang|resumed|dead|restarted) +` +
		`(closed|open|half_open) +\d+ +\d+ +\d+ +\S+  \S+$`)
	assert.GreaterOrEqual(t, len(live.FindAllString(stdout, -1)), 2, "one line a second")

	folder := filepath.Dir(strings.TrimSpace(rest))
	image, err := os.ReadFile(filepath.Join(folder, "outage.svg"))
	require.NoError(t, err)
	assert.Contains(t, string(image), `class="open"`)
	assert.Contains(t, string(image), `class="backlog"`)
	tables, err := os.ReadFile(filepath.Join(folder, "outage.txt"))
	require.NoError(t, err)
	assert.Contains(t, stdout, string(tables))
}

// Acknowledged and not stored: the demo believes the files, not the sink, and not itself.
func TestOutageFindsOutThatRecordsAreMissing(t *testing.T) {
	t.Setenv(forgetful, "1")
	code, stdout, stderr, left := execute(t, "healthy ", // printed after a second
		"-duration", "10m", "-guards", atomicBreaker)
	assert.Equal(t, exitLost, code)
	v := verdictOf(t, stdout)
	assert.InDelta(t, v["offered"]/100, v["lost"], float64(v["diverted"])+1,
		"each 100th, except what a busy machine let time out")
	assert.Positive(t, v["lost"])
	assert.Contains(t, stderr, fmt.Sprintf("outage: atomicbreaker: %d record", v["lost"]))
	require.Len(t, left, 1, "the files are the evidence")
	assert.Contains(t, stdout, left[0])
}

func TestOutageInterrupted(t *testing.T) {
	code, stdout, stderr, left := execute(t, "healthy ",
		"-duration", "10m", "-goroutines", "3", "-keep")
	assert.Equal(t, exitOK, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "interrupted")
	assert.NotContains(t, stdout, "failover:", "the guards that are left do not begin")
	assert.Greater(t, verdictOf(t, stdout)["offered"], 10)
	assert.Regexp(t, `goroutines\*\* +\d+ → \?`, stdout, "there was no hang")
	require.Len(t, left, 1, "-keep")
	assert.FileExists(t, filepath.Join(left[0], "none.sink"))
	assert.FileExists(t, filepath.Join(left[0], "none.fallback.jsonl"))
}

// An end in the middle of the hang leaves no process behind, and no log call waiting.
func TestOutageInterruptedInTheHang(t *testing.T) {
	code, stdout, _, _ := execute(t, "SIGSTOP", "-duration", "4s", "-guards", atomicBreaker)
	assert.Equal(t, exitOK, code, stdout)
	assert.NotContains(t, stdout, "SIGCONT")
	assert.Zero(t, sink.Running(), "still there")
}

func TestOutageThatCannotWriteItsPicture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	code, stdout, stderr, _ := execute(t, "no breaker: ", "-guards", noGuard, "-out", file)
	assert.Equal(t, exitUsage, code)
	assert.Empty(t, stdout, "before anything is run")
	assert.Contains(t, stderr, file)
}

func TestOutageOfTheUsersEndpoint(t *testing.T) {
	if testing.Short() {
		t.Skip("takes four seconds")
	}
	var taken atomic.Int64
	server := httptest.NewServer(sink.Handler(writerFunc(func(p []byte) (int, error) {
		if n := taken.Add(1); n > 100 && n <= 106 {
			return 0, errSink // enough to open the breaker and to fail a probe
		}
		return len(p), nil
	})))
	defer server.Close()
	code, stdout, stderr, _ := execute(t, "",
		"-duration", "4s", "-timeout", "500ms", "-goroutines", "1", "-rate", "1000",
		"-sink", server.URL+sink.PushPath)
	t.Log(stdout)
	assert.Equal(t, exitOK, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "your endpoint acknowledged")
	assert.Contains(t, stdout, "breaker half_open")
	assert.NotContains(t, stdout, "SIGSTOP")
	assert.Regexp(t, `whole run +\d+ +\d+ +\d+`, stdout)
	v := verdictOf(t, stdout)
	assert.Zero(t, v["lost"])
	assert.Positive(t, v["diverted"])
	assert.Positive(t, v["replayed"])
	assert.Equal(t, v["offered"], v[inTheSink], "the spool has been replayed")
	assert.NotContains(t, v, "late", "that is not known")
}
