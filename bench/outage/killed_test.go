// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// returnedTo is the environment variable that makes a demo of these tests write the number of each
// record to a file when its log call has returned.
const returnedTo = "OUTAGE_TEST_RETURNED"

// noteReturned wraps the loggers of all guards.
func noteReturned(path string) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		panic(err)
	}
	for i := range contenders {
		build := contenders[i].build
		contenders[i].build = func(p parts) guard {
			g := build(p)
			logger := g.logger
			g.logger = func(kind string, goroutines int) logFunc {
				log := logger(kind, goroutines)
				return func(seq uint64) {
					log(seq)
					_, _ = fmt.Fprintf(file, "%d\n", seq)
				}
			}
			return g
		}
	}
}

// demo is a demo in a process of its own.
type demo struct {
	*exec.Cmd
	t      *testing.T
	stdout *bufio.Reader
}

func startDemoOn(t *testing.T, env string, args ...string) *demo {
	t.Helper()
	args = append(args, "-out", filepath.Join(t.TempDir(), "out"), "-duration", "1m")
	d := &demo{Cmd: exec.Command(os.Args[0], args...), t: t}
	tmp := t.TempDir()
	d.Env = append(os.Environ(), asDemo+"=1", "TMPDIR="+tmp, "TMP="+tmp, env)
	d.Stderr = os.Stderr
	stdout, err := d.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, d.Start())
	t.Cleanup(d.kill)
	d.stdout = bufio.NewReader(stdout)
	return d
}

// prints reads what the demo prints up to a line that has the text, and returns that line.
func (d *demo) prints(text string) string {
	d.t.Helper()
	var all strings.Builder
	for {
		line, err := d.stdout.ReadString('\n')
		all.WriteString(line)
		require.NoError(d.t, err, all.String())
		if strings.Contains(line, text) {
			return line
		}
	}
}

// kill ends the demo as SIGKILL does.
func (d *demo) kill() {
	_ = d.Process.Kill()
	_ = d.Wait()
}

// numbersIn returns the numbers in a file of one a line. A last line that is torn is none.
func numbersIn(t *testing.T, path string) (numbers []int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	for line := range bytes.Lines(text) {
		number, whole := bytes.CutSuffix(line, []byte("\n"))
		if !whole {
			break
		}
		n, err := strconv.Atoi(string(number))
		require.NoError(t, err)
		numbers = append(numbers, n)
	}
	return numbers
}

// The process that logs is killed while its sink is down, and started again with the same spool.
// Each record whose log call had returned is in the sink's file at the end.
func TestDemoKilledInTheOutage(t *testing.T) {
	dir := t.TempDir()
	sinkFile, returned := filepath.Join(dir, "sink"), filepath.Join(dir, "returned")
	p, err := sink.Start("127.0.0.1:0", sinkFile)
	require.NoError(t, err)
	defer func() { p.Kill() }()
	args := []string{
		"-sink", p.URL(), "-spool", filepath.Join(dir, "spool"), "-rate", "1000", "-logger",
	}

	first := startDemoOn(t, returnedTo+"="+returned, append(args, "zap")...)
	first.prints("atomicbreaker: ")
	logs := func(records int) {
		t.Helper()
		want := len(numbersIn(t, returned)) + records
		require.Eventually(t, func() bool { return len(numbersIn(t, returned)) >= want },
			time.Minute, 10*time.Millisecond)
	}
	logs(200)
	p.Kill()
	logs(500)
	first.kill()

	p, err = sink.Start(p.Addr, sinkFile)
	require.NoError(t, err)
	second := startDemoOn(t, "", append(args, "slog")...)
	line := second.prints("an earlier run left ")
	second.prints("the sink has the ")
	second.kill()
	p.Stop()

	stored, err := os.ReadFile(sinkFile)
	require.NoError(t, err)
	inSink := make(map[int]bool)
	for line := range bytes.Lines(stored) {
		record, _, _ := sink.Unstamp(bytes.TrimSuffix(line, []byte("\n")))
		var fields struct {
			Level string
			Seq   int
		}
		if json.Unmarshal(record, &fields) == nil && fields.Level == "info" { // slog's is INFO
			inSink[fields.Seq] = true
		}
	}
	numbers := numbersIn(t, returned)
	missing := 0
	for _, n := range numbers {
		if !inSink[n] {
			missing++
		}
	}
	t.Logf("%d log calls returned; %s", len(numbers), strings.TrimSpace(line))
	assert.Zero(t, missing, "of %d records", len(numbers))
	assert.Regexp(t, `left [1-9]\d* records`, line)
}
