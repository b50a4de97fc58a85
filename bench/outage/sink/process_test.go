// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clientOf pushes to a process of the tests; the short timeout is for the pushes that are meant to
// fail.
func clientOf(p *Process, timeout time.Duration) *Client {
	return NewClient(p.URL(), "test", 1, timeout)
}

// recordsIn returns the lines of a sink's file without their stamps.
func recordsIn(t *testing.T, path string) (records []string) {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(got)) {
		record, _, whole := Unstamp([]byte(strings.TrimSuffix(line, "\n")))
		assert.True(t, whole, line)
		records = append(records, string(record))
	}
	return records
}

func TestSinkProcessDiesAndReturnsOnTheSamePort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sink")
	first, err := Start("127.0.0.1:0", path)
	require.NoError(t, err)
	client := clientOf(first, 30*time.Second)
	defer func() { _ = client.Close() }()
	_, err = client.Write([]byte("{\"seq\":0}\n"))
	require.NoError(t, err)

	first.Kill()
	_, err = client.Write([]byte("{\"seq\":1}\n"))
	require.Error(t, err, "nobody listens")

	second, err := Start(first.Addr, path)
	require.NoError(t, err)
	defer second.Kill()
	assert.Equal(t, first.Addr, second.Addr)
	assert.NotEqual(t, first.PID(), second.PID())
	_, err = client.Write([]byte("{\"seq\":2}\n"))
	require.NoError(t, err)
	_ = client.Close()
	second.Stop()
	assert.Equal(t, []string{`{"seq":0}`, `{"seq":2}`}, recordsIn(t, path))
}

// freeze stops a sink for a test.
func freeze(t *testing.T, p *Process) {
	t.Helper()
	err := p.Freeze()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
}

// threadStates returns the states of a process's threads, one letter each. T is stopped.
func threadStates(t *testing.T, pid int) (states string) {
	t.Helper()
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	require.NoError(t, err)
	for _, stat := range stats {
		line, err := os.ReadFile(stat)
		require.NoError(t, err)
		_, fields, found := bytes.Cut(line, []byte(") ")) // the name before it may have spaces
		require.True(t, found, "%s", line)
		states += string(fields[:1])
	}
	return states
}

// TestSinkProcessFrozenHasStopped: SIGSTOP alone is asynchronous. Requests keep the sink's threads
// on the processors, so that freeze has something to wait for.
func TestSinkProcessFrozenHasStopped(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	p, err := Start("127.0.0.1:0", filepath.Join(t.TempDir(), "sink"))
	require.NoError(t, err)
	defer p.Kill()
	client := clientOf(p, 0)
	defer func() { _ = client.Close() }()
	var requests sync.WaitGroup
	defer requests.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range 4 {
		requests.Go(func() {
			for ctx.Err() == nil {
				_, _ = client.Write([]byte("{}\n"))
			}
		})
	}
	for range 100 {
		freeze(t, p)
		states := threadStates(t, p.PID())
		require.NoError(t, p.Resume())
		require.Empty(t, strings.Trim(states, "T"), "threads that run: %s", states)
	}
}

func TestSinkProcessThatDoesNotStop(t *testing.T) {
	p, err := Start("127.0.0.1:0", filepath.Join(t.TempDir(), "sink"))
	require.NoError(t, err)
	defer p.Kill()
	if stopSignal == nil {
		t.Skip("nothing here stops a process")
	}
	err = p.awaitStopped(time.Millisecond) // without a signal
	require.EqualError(t, err,
		fmt.Sprintf("sink process %d has not stopped within 1ms of SIGSTOP", p.PID()))
}

func TestSinkProcessThatHasEndedCannotBeFrozen(t *testing.T) {
	p, err := Start("127.0.0.1:0", filepath.Join(t.TempDir(), "sink"))
	require.NoError(t, err)
	defer p.Kill()
	if stopSignal == nil {
		t.Skip("nothing here stops a process")
	}
	require.NoError(t, p.cmd.Process.Kill())
	require.ErrorIs(t, p.Freeze(), ErrEnded)
}

// pushAndLeave sends a record, checks that no answer comes within patience, and leaves. It returns
// when the record was sent.
func pushAndLeave(
	t *testing.T, p *Process, record string, patience time.Duration,
) (sent time.Time) {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	sent = time.Now()
	value := [2]string{strconv.FormatInt(sent.UnixNano(), 10), record}
	body, err := json.Marshal(push{[]stream{{nil, [][2]string{value}}}})
	require.NoError(t, err)
	request, err := http.NewRequest(http.MethodPost, p.URL(), bytes.NewReader(body))
	require.NoError(t, err)
	require.NoError(t, request.Write(conn))
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it hangs")
	return sent
}

// A frozen sink answers nothing. It stores what it was sent meanwhile when it goes on: the late
// record.
func TestSinkProcessHangsAndGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sink")
	p, err := Start("127.0.0.1:0", path)
	require.NoError(t, err)
	defer p.Kill()
	freeze(t, p)
	sent := pushAndLeave(t, p, `{"seq":0}`, 100*time.Millisecond)
	before := recordsIn(t, path)
	resumed := time.Now()
	require.NoError(t, p.Resume())
	assert.Empty(t, before)

	client := clientOf(p, 30*time.Second)
	isStored := func() bool { return slices.Contains(recordsIn(t, path), `{"seq":0}`) }
	for seq := 1; !isStored() && seq < 1000; seq++ { // it may take the later ones first
		_, err = client.Write(fmt.Appendf(nil, "{\"seq\":%d}\n", seq))
		require.NoError(t, err)
	}
	_ = client.Close()
	p.Stop()
	var found []string
	late := false
	stored, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(stored)) {
		record, waited, _ := Unstamp([]byte(strings.TrimSuffix(line, "\n")))
		found = append(found, string(record))
		late = late || waited >= resumed.Sub(sent)
	}
	assert.Contains(t, found, `{"seq":0}`, "stored after all")
	assert.True(t, late, "sent before it went on, stored after that")
}

// Nothing that is frozen stays behind, whether it is asked to end or not.
func TestSinkProcessThatIsFrozenCanBeEnded(t *testing.T) {
	for name, end := range map[string]func(*Process){
		"kill": (*Process).Kill, "stop": (*Process).Stop,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Start("127.0.0.1:0", filepath.Join(t.TempDir(), "sink"))
			require.NoError(t, err)
			defer p.Kill()
			freeze(t, p)
			end(p)
			require.NotNil(t, p.cmd.ProcessState, "it has been waited for")
			assert.Equal(t, name == "stop", p.cmd.ProcessState.Success(),
				"one is asked, the other is not")
			_, listed := alive.Load(p)
			assert.False(t, listed)
		})
	}
}

func TestKillAllKillsWhatIsFrozen(t *testing.T) {
	p, err := Start("127.0.0.1:0", filepath.Join(t.TempDir(), "sink"))
	require.NoError(t, err)
	defer p.Kill()
	freeze(t, p)
	KillAll()
	assert.Error(t, p.cmd.Wait(), "killed")
}

// However the parent goes, its end of the pipe goes with it.
func TestSinkEndsWithItsStandardInput(t *testing.T) {
	p, err := Start("127.0.0.1:0", filepath.Join(t.TempDir(), "sink.jsonl"))
	require.NoError(t, err)
	defer p.Kill()
	ended := make(chan error, 1)
	require.NoError(t, p.stdin.Close())
	go func() { ended <- p.cmd.Wait() }()
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Error("the sink outlives its parent")
	}
}

func TestSinkThatCannotStart(t *testing.T) {
	_, err := Start("127.0.0.1:0", filepath.Join(t.TempDir(), "no", "such", "folder"))
	assert.ErrorContains(t, err, "did not start")

	path := filepath.Join(t.TempDir(), "sink.jsonl")
	err = serveFile("nowhere:0", path, strings.NewReader(""), io.Discard)
	assert.Error(t, err)
	assert.NotErrorIs(t, err, http.ErrServerClosed)
}
