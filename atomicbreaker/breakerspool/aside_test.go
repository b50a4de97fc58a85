// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestReplay_SettingAsideInAFullSpool has one bad record at the head of a full spool. It costs no
// good record.
func TestReplay_SettingAsideInAFullSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 64 << 10
		var drops []breakerspool.Drop
		s := openSpool(t, t.TempDir(), breakerspool.WithMaxBytes(limit), breakerspool.WithSegmentBytes(limit/2),
			breakerspool.WithOnDrop(func(d breakerspool.Drop) { drops = append(drops, d) }))
		write(t, s, strings.Repeat("bad", 10)+"\n")
		n := 1
		for ; s.Stats().Bytes < limit-(4<<10)-60; n++ {
			write(t, s, fmt.Sprintf("good %05d %s\n", n, strings.Repeat("x", 20)))
		}
		require.Zero(t, s.Stats().Dropped)
		sink := refuses(errMalformed, strings.Repeat("bad", 10))
		defer replay(t, s, newBreaker(), sink, breakerspool.WithRecordErrors(isMalformed), breakerspool.WithBatch(4096))()
		time.Sleep(time.Second) // no attempt waits for room
		stats := s.Stats()
		assert.EqualValues(t, n-1, stats.Replayed)
		assert.EqualValues(t, 1, stats.Dropped)
		require.Len(t, drops, 1)
		assert.Equal(t, breakerspool.DropRejected, drops[0].Reason)
		assert.EqualValues(t, 31, drops[0].Bytes)
		require.ErrorIs(t, drops[0].Err, errMalformed)
		require.ErrorIs(t, drops[0].Err, breakerspool.ErrDiskFull, "there was no room to keep it")
	})
}

// TestReplay_PoisonWhileLowOnDisk has a bad record at the head while the disk is so full that Write
// fails. The queue goes on, and the record is kept: the queue gives back its room.
func TestReplay_PoisonWhileLowOnDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openSpool(t, dir)
		write(t, s, "bad\n", "good\n")
		require.NoError(t, s.Close())
		s = openSpool(t, dir, breakerspool.WithMinFree(math.MaxInt64))
		sink := refuses(errMalformed, "bad")
		defer replay(t, s, newBreaker(), sink, breakerspool.WithRecordErrors(isMalformed))()
		time.Sleep(time.Hour)
		assert.Equal(t, []string{"good"}, sink.lines())
		_, err := s.Write([]byte("more\n"))
		require.ErrorIs(t, err, breakerspool.ErrDiskFull)
		assert.Equal(t, []string{"bad\n"}, held(openSpool(t, copyOf(t, filepath.Join(dir, "rejected")))))
	})
}

// TestReplay_RejectedDirectoryRemoved deletes the directory rejected, as the documents advise for a
// full disk. The next bad record does not stop the queue.
func TestReplay_RejectedDirectoryRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openSpool(t, dir)
		sink := refuses(errMalformed, "bad")
		defer replay(t, s, newBreaker(), sink, breakerspool.WithRecordErrors(isMalformed))()
		write(t, s, "bad\n", "good 1\n")
		synctest.Wait()
		require.Zero(t, s.Stats().Records)
		require.NoError(t, os.RemoveAll(filepath.Join(dir, "rejected")))
		time.Sleep(time.Minute)
		write(t, s, "bad\n", "good 2\n")
		time.Sleep(time.Hour)
		assert.Zero(t, s.Stats().Records)
		assert.Equal(t, []string{"good 1", "good 2"}, sink.lines())
		assert.Equal(t, []string{"bad\n"}, held(openSpool(t, copyOf(t, filepath.Join(dir, "rejected")))))
	})
}

// TestReplay_RejectedCannotBeWritten has a file in the place of the directory rejected. The bad
// record is given up after a while, with both reasons.
func TestReplay_RejectedCannotBeWritten(t *testing.T) {
	needsUnlink(t)
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var drops []breakerspool.Drop
		s := openSpool(t, dir, breakerspool.WithOnDrop(func(d breakerspool.Drop) { drops = append(drops, d) }))
		rejected := filepath.Join(dir, "rejected")
		require.NoError(t, os.Remove(rejected))
		require.NoError(t, os.WriteFile(rejected, nil, 0o600))
		write(t, s, "bad\n", "good\n")
		sink := refuses(errMalformed, "bad")
		defer replay(t, s, newBreaker(), sink, breakerspool.WithRecordErrors(isMalformed))()
		time.Sleep(time.Second)
		assert.EqualValues(t, 2, s.Stats().Records, "it is tried again")
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"good"}, sink.lines())
		require.Len(t, drops, 1)
		require.ErrorIs(t, drops[0].Err, errMalformed)
		assert.ErrorContains(t, drops[0].Err, rejected)
	})
}

// TestReplay_RejectedInARemovedDirectory removes the directory of the spool. Replay does not create
// it for the next bad record: it would have no lock.
func TestReplay_RejectedInARemovedDirectory(t *testing.T) {
	needsUnlink(t)
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		s := openSpool(t, dir)
		write(t, s, "bad\n")
		sink := refuses(errMalformed, "bad")
		does := sink.does
		sink.does = func(p []byte) (int, error) {
			assert.NoError(t, os.RemoveAll(dir))
			return does(p)
		}
		defer replay(t, s, newBreaker(), sink, breakerspool.WithRecordErrors(isMalformed))()
		time.Sleep(time.Hour)
		assert.Zero(t, s.Stats().Records)
		assert.EqualValues(t, 1, s.Stats().Dropped)
		assert.NoDirExists(t, dir)
	})
}
