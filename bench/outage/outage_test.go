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
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The tests in this file run the whole program, a sink process included.

// execute runs the program with a temporary folder of its own, and returns what it leaves in there.
func execute(ctx context.Context, t *testing.T, args ...string) (code int, stdout, stderr string, left []string) {
	t.Helper()
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp) // Windows
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	left, err := filepath.Glob(filepath.Join(tmp, "outage-*"))
	require.NoError(t, err)
	return code, out.String(), errs.String(), left
}

// verdictOf finds the numbers of the verdict in what the program printed.
func verdictOf(t *testing.T, stdout string) (offered, primary, fallback, lost, duplicated int) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^offered=.*$`).FindString(stdout)
	_, err := fmt.Sscanf(line, "offered=%d primary=%d fallback=%d lost=%d duplicated=%d", &offered, &primary, &fallback, &lost, &duplicated)
	require.NoError(t, err, stdout)
	return offered, primary, fallback, lost, duplicated
}

func TestOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three seconds")
	}
	code, stdout, stderr, left := execute(context.Background(), t, "-duration", "3s", "-rate", "2000")
	t.Log(stdout)
	assert.Equal(t, exitOK, code)
	assert.Empty(t, stderr)
	assert.Empty(t, left, "the files are removed")

	offered, primary, fallback, lost, duplicated := verdictOf(t, stdout)
	assert.Zero(t, lost)
	assert.Equal(t, offered+duplicated, primary+fallback+lost)
	assert.Greater(t, primary, 100)
	assert.Greater(t, fallback, 100)
	// The order in which these must be told; what the clock says between them is not for a test.
	rest := stdout
	for _, part := range []string{
		"8 goroutines log 2000 records/s", "the sink is killed: SIGKILL", "breaker closed -> open (failure_threshold)",
		"breaker open -> half_open (probe_admitted)", "breaker half_open -> open (probe_failed)", "the sink is back",
		"breaker half_open -> closed (probe_succeeded)", "probes sent during the outage", "restart to closed",
		"log call", "healthy", "outage", "recovered", "offered=", "every record is in one of the two files",
	} {
		_, after, found := strings.Cut(rest, part)
		require.True(t, found, "%q is missing, or comes too early", part)
		rest = after
	}
	live := regexp.MustCompile(`(?m)^ +\d+\.\d\ds  (closed|open|half_open) +\d+ +\d+ +\d of 5 +\S+`).FindAllString(stdout, -1)
	assert.GreaterOrEqual(t, len(live), 2, "one line a second")
}

// Acknowledged and not stored: the demo believes the files, not the sink, and not itself.
func TestOutageFindsOutThatRecordsAreMissing(t *testing.T) {
	t.Setenv(forgetful, "1")
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	code, stdout, stderr, left := execute(ctx, t, "-rate", "2000")
	assert.Equal(t, exitLost, code)
	offered, primary, fallback, lost, duplicated := verdictOf(t, stdout)
	assert.InDelta(t, offered/100, lost, float64(fallback), "each 100th, but for those that a busy machine let time out")
	assert.Positive(t, lost)
	assert.Equal(t, offered+duplicated, primary+fallback+lost)
	assert.Contains(t, stderr, fmt.Sprintf("outage: %d records are in neither file", lost))
	require.Len(t, left, 1, "the files are the evidence")
	assert.Contains(t, stdout, left[0])
}

func TestOutageInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	code, stdout, stderr, left := execute(ctx, t, "-rate", "2000", "-goroutines", "3", "-keep")
	assert.Equal(t, exitOK, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "interrupted")
	offered, primary, fallback, lost, duplicated := verdictOf(t, stdout)
	assert.Greater(t, offered, 10)
	assert.Zero(t, lost)
	assert.Equal(t, offered+duplicated, primary+fallback)
	require.Len(t, left, 1, "they are to be kept")
	assert.FileExists(t, filepath.Join(left[0], "sink.jsonl"))
	assert.FileExists(t, filepath.Join(left[0], "fallback.jsonl"))
}

func TestOutageOfSomebodysEndpoint(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three seconds")
	}
	var taken atomic.Int64
	server := httptest.NewServer(acknowledge(writerFunc(func(p []byte) (int, error) {
		if n := taken.Add(1); n > 500 && n <= 506 {
			return 0, os.ErrClosed // enough to open the breaker and to fail a probe
		}
		return len(p), nil
	})))
	defer server.Close()
	code, stdout, stderr, _ := execute(context.Background(), t, "-duration", "3s", "-rate", "1000", "-goroutines", "1", "-sink", server.URL)
	t.Log(stdout)
	assert.Equal(t, exitOK, code)
	assert.Empty(t, stderr)
	assert.Contains(t, stdout, "acknowledged by the endpoint or is in the fallback")
	assert.Contains(t, stdout, "duplicated=unknown")
	assert.NotContains(t, stdout, "SIGKILL")
	assert.Regexp(t, `probes sent in vain +1\n`, stdout)
	assert.Regexp(t, `records the sink refused +6\n`, stdout)
	assert.Regexp(t, `offered=\d+ primary=\d+ fallback=\d+ lost=0 `, stdout)
}
