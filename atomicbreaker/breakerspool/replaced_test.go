// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// needsUnlink skips the test where files that are open cannot be removed.
func needsUnlink(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows removes no file that is open")
	}
}

// TestWrite_FileInPlaceOfTheDirectory replaces the directory of an open spool by a file. Write soon
// fails, and the records that were in it are counted.
func TestWrite_FileInPlaceOfTheDirectory(t *testing.T) {
	needsUnlink(t)
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		s := openSpool(t, dir)
		write(t, s, "first\n")
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.WriteFile(dir, nil, 0o600))
		time.Sleep(time.Minute)
		_, err := s.Write([]byte("second\n"))
		require.Error(t, err)
		assert.EqualValues(t, 1, s.Stats().Dropped)
		assert.Zero(t, s.Stats().Bytes)
	})
}

// TestReplay_FileInPlaceOfTheDirectory has nobody write. Replay gives the records up.
func TestReplay_FileInPlaceOfTheDirectory(t *testing.T) {
	needsUnlink(t)
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "spool")
		s := openSpool(t, dir)
		write(t, s, "first\n")
		require.NoError(t, os.RemoveAll(dir))
		require.NoError(t, os.WriteFile(dir, nil, 0o600))
		defer replay(t, s, newBreaker(), &sink{})()
		time.Sleep(time.Minute)
		stats := s.Stats()
		assert.Zero(t, stats.Records)
		assert.EqualValues(t, 1, stats.Dropped)
		assert.EqualValues(t, 1, stats.Corrupt)
	})
}

// TestWrite_DirectoryReplaced replaces the directory of an open spool by a copy. Records go to the
// copy.
func TestWrite_DirectoryReplaced(t *testing.T) {
	needsUnlink(t)
	synctest.Test(t, func(t *testing.T) {
		above := t.TempDir()
		dir, copied := filepath.Join(above, "spool"), filepath.Join(above, "copy")
		s := openSpool(t, dir)
		write(t, s, "first\n")
		require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
		require.NoError(t, os.Rename(dir, filepath.Join(above, "old")))
		require.NoError(t, os.Rename(copied, dir))
		time.Sleep(time.Minute)
		write(t, s, "second\n")
		assert.Equal(t, []string{"first\n", "second\n"}, held(s))
		assert.Equal(t, []string{"first\n", "second\n"}, held(openSpool(t, copyOf(t, dir))))
		assert.Zero(t, s.Stats().Dropped)
	})
}
