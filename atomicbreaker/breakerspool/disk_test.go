// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestOpen_ZeroedTail appends zeros to a segment, as a file system may after a loss of power. They
// are damage, not empty records.
func TestOpen_ZeroedTail(t *testing.T) {
	dir := t.TempDir()
	records := sample(t, dir)
	names := segments(t, dir)
	last := names[len(names)-1]
	text, err := os.ReadFile(last)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(last, append(text, make([]byte, 4<<10)...), 0o600))

	copied := copyOf(t, dir)
	s := openSpool(t, copied)
	assert.Equal(t, records, held(s))
	assert.EqualValues(t, 1, s.Stats().Corrupt)
	write(t, s, "after\n")
	require.NoError(t, s.Close())
	s = openSpool(t, copied)
	assert.Equal(t, append(records, "after\n"), held(s))
	assert.Zero(t, s.Stats().Corrupt, "the zeros are cut off")
}

// copyOf copies the segments of a spool that is open, as if its process had been killed.
func copyOf(t *testing.T, dir string) string {
	t.Helper()
	copied := t.TempDir()
	for _, name := range segments(t, dir) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(copied, filepath.Base(name)), text, 0o600))
	}
	return copied
}

// TestOpen_EveryLength cuts a segment at each length.
func TestOpen_EveryLength(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir)
	want := []string{"first\n", "second\n", "third\n"}
	ends := []int{48}
	for _, r := range want {
		write(t, s, r)
		ends = append(ends, ends[len(ends)-1]+20+len(r))
	}
	whole, err := os.ReadFile(segments(t, dir)[0])
	require.NoError(t, err)
	require.Len(t, whole, ends[3])
	for n := range len(whole) + 1 {
		cut := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(cut, "0000000000000000.seg"), whole[:n], 0o600))
		s := openSpool(t, cut)
		records := 0
		for records < 3 && ends[records+1] <= n {
			records++
		}
		write(t, s, "after\n")
		got := held(s)
		require.Len(t, got, records+1, "%d bytes", n)
		assert.Equal(t, want[:records], got[:records], "%d bytes", n)
		isWhole := n == 0 || n == ends[records]
		assert.Equal(t, !isWhole, s.Stats().Corrupt == 1, "%d bytes", n)
		require.NoError(t, s.Close())
	}
}

// TestWrite_RemovedDirectory removes the directory of an open spool. Write soon fails, and the
// records that were in it are reported.
func TestWrite_RemovedDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows removes no file that is open")
	}
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		var drops []breakerspool.Drop
		s := openSpool(t, dir, breakerspool.WithOnDrop(func(d breakerspool.Drop) { drops = append(drops, d) }))
		write(t, s, "first\n")
		require.NoError(t, os.RemoveAll(dir))
		write(t, s, "second\n") // goes to a file without a name
		time.Sleep(time.Second)
		_, err := s.Write([]byte("third\n"))
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.Len(t, drops, 1)
		assert.Equal(t, breakerspool.DropCorrupt, drops[0].Reason)
		assert.EqualValues(t, 2, drops[0].Records)
		require.ErrorIs(t, drops[0].Err, fs.ErrNotExist)
		assert.Zero(t, s.Stats().Records)
		assert.Zero(t, s.Stats().Bytes)

		require.NoError(t, os.MkdirAll(dir, 0o700))
		write(t, s, "fourth\n")
		assert.Equal(t, []string{"fourth\n"}, held(s))
		large := strings.Repeat("x", 1<<20)
		require.NoError(t, os.RemoveAll(dir))
		_, err = s.Write([]byte(large))
		require.ErrorIs(t, err, fs.ErrNotExist, "a MiB later")
		_ = s.Close()
	})
}

// TestOpen_ReadOnly opens a spool in a directory that cannot be written.
func TestOpen_ReadOnly(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if err := os.WriteFile(filepath.Join(dir, "probe"), nil, 0o600); err == nil {
		t.Skip("this user may write to any directory")
	}
	_, err := breakerspool.Open(dir)
	require.ErrorIs(t, err, fs.ErrPermission)
	assert.ErrorContains(t, err, dir)
}

// TestWrite_DirectoryBecomesReadOnly takes the permission away while the spool is open. Records go
// to the open segment, and then Write fails. Nothing is lost.
func TestWrite_DirectoryBecomesReadOnly(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir, breakerspool.WithSegmentBytes(4<<10))
	record := strings.Repeat("x", 1000) + "\n"
	write(t, s, record)
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if err := os.WriteFile(filepath.Join(dir, "probe"), nil, 0o600); err == nil {
		t.Skip("this user may write to any directory")
	}
	write(t, s, record, record)
	_, err := s.Write([]byte(record))
	require.ErrorIs(t, err, fs.ErrPermission)
	assert.Len(t, held(s), 3)
	require.NoError(t, os.Chmod(dir, 0o700))
	write(t, s, record)
	assert.Len(t, held(s), 4)
}

// TestOpen_DirectoryAsSegment has a directory where the next segment would be, and links where the
// files of a segment would be. What the links lead to is not changed.
func TestOpen_DirectoryAsSegment(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir)
	write(t, s, "first\n", "second\n")
	require.NoError(t, s.Close())
	require.NoError(t, os.Mkdir(filepath.Join(dir, "0000000000000001.seg"), 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "0000000000000002.ack"), 0o700))
	target := filepath.Join(t.TempDir(), "target")
	require.NoError(t, os.WriteFile(target, []byte("foreign"), 0o600))
	for _, name := range []string{"0000000000000000.ack", "0000000000000003.seg"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, dir)
		write(t, s, "third\n")
		assert.Equal(t, []string{"first\n", "second\n", "third\n"}, held(s))
		sink := &sink{does: func(p []byte) (int, error) {
			if bytes.Equal(p, []byte("second\n")) {
				return 0, errDown
			}
			return len(p), nil
		}}
		stop := replay(t, s, atomicbreaker.MustNew("sink"), sink)
		time.Sleep(time.Second)
		stop()
		assert.Equal(t, []string{"second\n", "third\n"}, held(s))
		require.NoError(t, s.Close())
	})
	text, err := os.ReadFile(target)
	require.NoError(t, err)
	assert.Equal(t, "foreign", string(text))
	assert.FileExists(t, filepath.Join(dir, "0000000000000004.seg"))
}

// TestOpen_NumbersAreExhausted has a file with a number that no segment can have, and then one with
// the highest number. No segment can follow that one.
func TestOpen_NumbersAreExhausted(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "4000000000000000.bad"), []byte("x"), 0o600))
	foreign := openSpool(t, dir)
	write(t, foreign, "record\n")
	require.NoError(t, foreign.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "3fffffffffffffff.bad"), []byte("x"), 0o600))
	s := openSpool(t, dir)
	_, err := s.Write([]byte("record\n"))
	assert.ErrorContains(t, err, "no number is left for a segment")
}

// TestOpen_LockFile has a lock file that cannot be opened.
func TestOpen_LockFile(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "lock"), 0o700))
	_, err := breakerspool.Open(dir)
	require.ErrorContains(t, err, "breakerspool: lock "+dir)

	require.NoError(t, os.Remove(filepath.Join(dir, "lock")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lock"), nil, 0o400))
	s, err := breakerspool.Open(dir)
	if err == nil { // this user may write to any file
		require.NoError(t, s.Close())
		return
	}
	require.ErrorIs(t, err, fs.ErrPermission)
	assert.ErrorContains(t, err, "breakerspool: lock "+dir)
}

// TestReplay_FullSpool replays from a spool at its limit. The log of acknowledgments has room, so
// that a killed process repeats nothing.
func TestReplay_FullSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 64 << 10
		opts := []breakerspool.Option{breakerspool.WithMaxBytes(limit), breakerspool.WithSegmentBytes(limit / 2)}
		record := strings.Repeat("x", 35) + "\n"
		room := 0
		for s := openSpool(t, t.TempDir(), opts...); s.Stats().Dropped == 0; room++ {
			write(t, s, record)
		}
		dir := t.TempDir()
		s := openSpool(t, dir, opts...)
		for range room - 1 {
			write(t, s, record)
		}
		require.Zero(t, s.Stats().Dropped)
		left := 500
		sink := &sink{}
		sink.does = func(p []byte) (int, error) {
			assert.LessOrEqual(t, s.Stats().Bytes, int64(limit))
			if left == 0 {
				return 0, errDown
			}
			left--
			return len(p), nil
		}
		stop := replay(t, s, atomicbreaker.MustNew("sink"), sink)
		time.Sleep(time.Second)
		stop()
		records := len(held(s))
		killed := t.TempDir()
		require.NoError(t, os.CopyFS(killed, os.DirFS(dir)))
		assert.Len(t, held(openSpool(t, killed)), records)
	})
}
