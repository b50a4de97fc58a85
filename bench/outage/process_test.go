// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clientOf pushes to a process of the tests; the short timeout is for the pushes that are meant to fail.
func clientOf(p *sinkProcess, timeout time.Duration) *lokiClient {
	return newLokiClient(p.url(), "test", 1, timeout)
}

// recordsIn returns the lines of a sink's file without their stamps.
func recordsIn(t *testing.T, path string) (records []string) {
	t.Helper()
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	for line := range strings.Lines(string(got)) {
		record, _, whole := unstamp([]byte(strings.TrimSuffix(line, "\n")))
		assert.True(t, whole, line)
		records = append(records, string(record))
	}
	return records
}

func TestSinkProcessDiesAndReturnsOnTheSamePort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sink")
	first, err := startSink("127.0.0.1:0", path)
	require.NoError(t, err)
	client := clientOf(first, 30*time.Second)
	defer func() { _ = client.Close() }()
	_, err = client.Write([]byte("{\"seq\":0}\n"))
	require.NoError(t, err)

	first.kill()
	_, err = client.Write([]byte("{\"seq\":1}\n"))
	require.Error(t, err, "nobody listens")

	second, err := startSink(first.addr, path)
	require.NoError(t, err)
	defer second.kill()
	assert.Equal(t, first.addr, second.addr)
	assert.NotEqual(t, first.pid(), second.pid())
	_, err = client.Write([]byte("{\"seq\":2}\n"))
	require.NoError(t, err)
	_ = client.Close()
	second.stop()
	assert.Equal(t, []string{`{"seq":0}`, `{"seq":2}`}, recordsIn(t, path))
}

// A frozen sink answers nothing, and what it was sent meanwhile it stores when it goes on: the late record.
func TestSinkProcessHangsAndGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sink")
	p, err := startSink("127.0.0.1:0", path)
	require.NoError(t, err)
	defer p.kill()
	if err := p.freeze(); err != nil {
		t.Skip(err)
	}
	impatient := clientOf(p, 200*time.Millisecond)
	_, err = impatient.Write([]byte("{\"seq\":0}\n"))
	require.Error(t, err, "it hangs")
	require.NoError(t, p.resume())

	client := clientOf(p, 30*time.Second)
	for seq := 1; len(recordsIn(t, path)) < 2 && seq < 1000; seq++ { // it may take the later ones first
		_, err = client.Write(fmt.Appendf(nil, "{\"seq\":%d}\n", seq))
		require.NoError(t, err)
	}
	_ = client.Close()
	_ = impatient.Close()
	p.stop()
	seen := make(tally, 1000)
	found, err := readBack(path, seen, 100*time.Millisecond)
	require.NoError(t, err)
	assert.EqualValues(t, 1, seen[0], "stored after all")
	assert.Equal(t, 1, found.late)
}

// Nothing that is frozen stays behind, whether it is asked to end or not.
func TestSinkProcessThatIsFrozenCanBeEnded(t *testing.T) {
	for name, end := range map[string]func(*sinkProcess){"kill": (*sinkProcess).kill, "stop": (*sinkProcess).stop} {
		t.Run(name, func(t *testing.T) {
			p, err := startSink("127.0.0.1:0", filepath.Join(t.TempDir(), "sink"))
			require.NoError(t, err)
			defer p.kill()
			if err := p.freeze(); err != nil {
				t.Skip(err)
			}
			end(p)
			require.NotNil(t, p.cmd.ProcessState, "it has been waited for")
			assert.Equal(t, name == "stop", p.cmd.ProcessState.Success(), "one is asked, the other is not")
			_, listed := alive.Load(p)
			assert.False(t, listed)
		})
	}
}

func TestKillAllKillsWhatIsFrozen(t *testing.T) {
	p, err := startSink("127.0.0.1:0", filepath.Join(t.TempDir(), "sink"))
	require.NoError(t, err)
	defer p.kill()
	_ = p.freeze()
	killAll()
	assert.Error(t, p.cmd.Wait(), "killed")
}

// However the parent goes, its end of the pipe goes with it.
func TestSinkEndsWithItsStandardInput(t *testing.T) {
	p, err := startSink("127.0.0.1:0", filepath.Join(t.TempDir(), "sink.jsonl"))
	require.NoError(t, err)
	defer p.kill()
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
	_, err := startSink("127.0.0.1:0", filepath.Join(t.TempDir(), "no", "such", "folder"))
	assert.ErrorContains(t, err, "did not start")

	err = sinkMain("nowhere:0", filepath.Join(t.TempDir(), "sink.jsonl"), strings.NewReader(""), io.Discard)
	assert.Error(t, err)
	assert.NotErrorIs(t, err, http.ErrServerClosed)
}
