// SPDX-License-Identifier: Apache-2.0

//go:build unix

package breakerspool_test

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// The environment of a child, which is this test binary.
const (
	killDir   = "BREAKERSPOOL_KILL_DIR"
	killSync  = "BREAKERSPOOL_KILL_SYNC"
	killFirst = "BREAKERSPOOL_KILL_FIRST" // number of the first record
	killSink  = "BREAKERSPOOL_KILL_SINK"  // file for Replay; empty: no Replay
)

const killBatch = 100

var killSyncs = map[string]breakerspool.Sync{
	"SyncNever":    breakerspool.SyncNever,
	"SyncAlways":   breakerspool.SyncAlways,
	"SyncInterval": breakerspool.SyncInterval(time.Millisecond),
}

func openKilled(t *testing.T, dir, mode string) *breakerspool.Spool {
	t.Helper()
	return openSpool(t, dir, breakerspool.WithSegmentBytes(4<<10), breakerspool.WithSync(killSyncs[mode]))
}

// TestKill_Child is the process that is killed. It appends numbered records, and writes the number
// of each acknowledged one to its standard output.
func TestKill_Child(t *testing.T) {
	dir := os.Getenv(killDir)
	if dir == "" {
		t.Skip("is run by the other tests")
	}
	first, err := strconv.Atoi(os.Getenv(killFirst))
	require.NoError(t, err)
	s := openKilled(t, dir, os.Getenv(killSync))
	if name := os.Getenv(killSink); name != "" {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		require.NoError(t, err)
		go func() {
			_ = s.Replay(t.Context(), atomicbreaker.MustNew("sink"), f, breakerspool.WithBatch(killBatch))
		}()
	}
	var line []byte
	for i := first; ; i++ {
		line = strconv.AppendInt(line[:0], int64(i), 10)
		line = append(line, '\n')
		if _, err := s.Write(line); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stdout.Write(line); err != nil {
			return // the parent is gone
		}
	}
}

// runAndKill runs a child, kills it at a random moment, and returns the numbers it acknowledged.
func runAndKill(t *testing.T, dir, mode, sink string, first int) (acknowledged []int) {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill_Child$")
	child.Env = append(os.Environ(), killDir+"="+dir, killSync+"="+mode, killSink+"="+sink, killFirst+"="+strconv.Itoa(first))
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	left := rand.IntN(300)
	if mode == "SyncAlways" {
		left /= 10
	}
	killed := false
	kill := func() {
		if !killed {
			killed = true
			require.NoError(t, child.Process.Kill())
		}
	}
	in := bufio.NewReader(out)
	for {
		text, err := in.ReadString('\n')
		if err == io.EOF { //nolint:errorlint // not wrapped
			break
		}
		require.NoError(t, err)
		n, err := strconv.Atoi(strings.TrimSuffix(text, "\n"))
		require.NoError(t, err, "the child says %q", text)
		acknowledged = append(acknowledged, n)
		if left--; left <= 0 {
			kill()
		}
	}
	require.True(t, killed, "the child ended")
	_ = child.Wait()
	return acknowledged
}

// TestKill_NothingAcknowledgedIsLost kills a process that appends, again and again.
func TestKill_NothingAcknowledgedIsLost(t *testing.T) {
	const kills = 40
	for mode := range killSyncs {
		t.Run(mode, func(t *testing.T) {
			dir := t.TempDir()
			acknowledged := make(map[int]bool)
			next := 1
			for range kills {
				for _, n := range runAndKill(t, dir, mode, "", next) {
					acknowledged[n] = true
					next = n + 2 // the next one may be in the spool
				}
			}
			s := openKilled(t, dir, mode)
			last, unknown := 0, 0
			for r, err := range s.Records() {
				require.NoError(t, err)
				n, err := strconv.Atoi(strings.TrimSuffix(string(r.Data), "\n"))
				require.NoError(t, err)
				require.Greater(t, n, last, "out of order")
				last = n
				if !acknowledged[n] {
					unknown++
				}
				delete(acknowledged, n)
			}
			assert.Empty(t, acknowledged, "lost")
			assert.LessOrEqual(t, unknown, kills, "records that were not acknowledged")
		})
	}
}

// TestKill_RepeatsOneWrite kills a process that appends and replays. Each kill repeats at most the
// write that was in progress.
func TestKill_RepeatsOneWrite(t *testing.T) {
	const kills = 30
	for mode := range killSyncs {
		t.Run(mode, func(t *testing.T) {
			dir, name := t.TempDir(), filepath.Join(t.TempDir(), "sink")
			acknowledged := make(map[int]bool)
			next := 1
			for range kills {
				for _, n := range runAndKill(t, dir, mode, name, next) {
					acknowledged[n] = true
					next = n + 2
				}
			}
			synctest.Test(t, func(t *testing.T) {
				f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
				require.NoError(t, err)
				defer func() { _ = f.Close() }()
				s := openKilled(t, dir, mode)
				stop := replay(t, s, atomicbreaker.MustNew("sink"), f)
				time.Sleep(time.Minute)
				stop()
				assert.Zero(t, s.Stats().Records)
				require.NoError(t, s.Close())
			})
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			last, before, repeats, repeated := 0, 0, 0, 0
			for line := range bytes.Lines(text) {
				n, err := strconv.Atoi(strings.TrimSuffix(string(line), "\n"))
				require.NoError(t, err)
				delete(acknowledged, n)
				isNew, stepsBack := n > last, n <= before
				last, before = max(last, n), n
				if isNew {
					continue
				}
				if stepsBack { // a kill
					repeats++
					repeated = 0
				}
				repeated += len(line)
				require.LessOrEqual(t, repeated, killBatch, "bytes repeated before %d", n)
			}
			assert.Empty(t, acknowledged, "lost")
			assert.LessOrEqual(t, repeats, kills)
			t.Logf("%d kills, %d records, %d writes repeated", kills, last, repeats)
		})
	}
}

// TestKill_QuietProcessReplays replays what a killed process left, while the sink is down and comes
// back, in a process that writes no record. The probe is the replay's own write. The order is not
// checked: a record that the sink took as a trial comes before the first one.
func TestKill_QuietProcessReplays(t *testing.T) {
	dir := t.TempDir()
	acknowledged := runAndKill(t, dir, "SyncNever", "", 1)
	synctest.Test(t, func(t *testing.T) {
		s := openKilled(t, dir, "SyncNever")
		sink := &sink{does: down}
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(10*time.Second))
		stop := replay(t, s, b, sink)
		time.Sleep(time.Minute)
		assert.Equal(t, atomicbreaker.Open, b.State())
		sink.set(nil)
		time.Sleep(time.Minute)
		assert.Equal(t, atomicbreaker.Closed, b.State())
		stop()
		assert.Zero(t, s.Stats().Records)
		require.NoError(t, s.Close())
		lines := sink.lines()
		var want []string
		for _, n := range acknowledged {
			want = append(want, strconv.Itoa(n))
		}
		assert.Subset(t, lines, want, "lost")
		// One record may not have been acknowledged, and one may have been taken in a trial.
		assert.LessOrEqual(t, len(lines), len(want)+2, "repeated")
	})
}
