// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// opened watches a directory, and returns a function that tells whether it was opened since.
func opened(t *testing.T, dir string) func() bool {
	t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		t.Skip("inotify:", err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if _, err := syscall.InotifyAddWatch(fd, dir, syscall.IN_OPEN); err != nil {
		t.Skip("inotify:", err)
	}
	return func() bool {
		var buf [16 << 10]byte
		n, err := syscall.Read(fd, buf[:])
		if err != nil {
			return false
		}
		for at := 0; at+syscall.SizeofInotifyEvent <= n; {
			// The fields of a syscall.InotifyEvent.
			mask, length := binary.NativeEndian.Uint32(buf[at+4:]), binary.NativeEndian.Uint32(buf[at+12:])
			if mask&syscall.IN_OPEN != 0 && length == 0 { // the directory itself, and no file in it
				return true
			}
			at += syscall.SizeofInotifyEvent + int(length)
		}
		return false
	}
}

// TestMkdirAll_SyncsTheDirectoriesAbove looks on while directories are created. A directory must be
// opened for a sync, and nothing else in MkdirAll opens one.
func TestMkdirAll_SyncsTheDirectoriesAbove(t *testing.T) {
	top := t.TempDir()
	probe := opened(t, top)
	f, err := os.Open(filepath.Clean(top))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	if !probe() {
		t.Skip("inotify does not tell of directories here")
	}
	wasOpened := opened(t, top)
	require.False(t, wasOpened())
	dir := filepath.Join(top, "a", "b")
	require.NoError(t, osDisk{}.MkdirAll(dir))
	assert.True(t, wasOpened(), "its name \"a\" is new")

	// A process that died may have created the last one without a sync.
	wasTopOpened, wasParentOpened := opened(t, top), opened(t, filepath.Dir(dir))
	require.NoError(t, osDisk{}.MkdirAll(dir))
	assert.True(t, wasParentOpened())
	assert.False(t, wasTopOpened())
}
