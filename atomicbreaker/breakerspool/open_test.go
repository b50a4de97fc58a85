// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestOpen_RelativeName changes the working directory of the process, as a daemon does, after a
// spool was opened by a relative name.
func TestOpen_RelativeName(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, "spool")
		write(t, s, "first\n")
		t.Chdir("/")
		time.Sleep(time.Minute)
		_, err := s.Write([]byte("second\n"))
		assert.NoError(t, err)
		assert.Zero(t, s.Stats().Dropped)
		assert.Equal(t, []string{"first\n", "second\n"}, held(s))
		_ = s.Close()
	})
	again, err := breakerspool.Open(filepath.Join(dir, "spool"))
	assert.NoError(t, err)
	assert.EqualValues(t, 2, again.Stats().Records)
	_ = again.Close()
}

// TestOpen_LockIsALink has a link in place of the lock. What it leads to is not changed.
func TestOpen_LockIsALink(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(t.TempDir(), "target")
	require.NoError(t, os.WriteFile(target, []byte("foreign"), 0o600))
	require.NoError(t, os.Symlink(target, filepath.Join(dir, "lock")))
	_, err := breakerspool.Open(dir)
	require.ErrorContains(t, err, "want a regular file")
	got, err := os.ReadFile(target)
	require.NoError(t, err)
	assert.Equal(t, "foreign", string(got))
}

// TestOpen_SegmentBytesZero sets a size that is out of range.
func TestOpen_SegmentBytesZero(t *testing.T) {
	s, err := breakerspool.Open(t.TempDir(), breakerspool.WithSegmentBytes(0))
	if err == nil {
		_ = s.Close()
	}
	assert.ErrorContains(t, err, "WithSegmentBytes(0)")
}
