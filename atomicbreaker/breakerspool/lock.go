// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
)

const lockName = "lock"

// acquire locks a directory. The operating system releases the lock if the process dies. The file
// is never removed: two processes could then lock two files.
func acquire(dir string) (*flock.Flock, error) {
	name := filepath.Join(dir, lockName)
	fail := func(err error) (*flock.Flock, error) {
		return nil, fmt.Errorf("breakerspool: lock %s: %w", dir, err)
	}
	// A link could lead to a file of somebody else.
	switch info, err := os.Lstat(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fail(err)
	case !info.Mode().IsRegular():
		return fail(fmt.Errorf("%s has mode %v: want a regular file", name, info.Mode()))
	}
	l := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return fail(err)
	}
	if !ok {
		return nil, fmt.Errorf("breakerspool: %s: %w by %s", dir, ErrInUse, holder(name))
	}
	nameHolder(name, l)
	return l, nil
}

// nameAt is where the name of the holder begins in the lock. On Windows the first byte is locked,
// so that no other handle can read or write it.
const nameAt = 1

// hasOneHandle is set on systems that release the lock when the process closes any handle of the
// file. There the holder has no name.
const hasOneHandle = runtime.GOOS == "aix" || runtime.GOOS == "solaris"

// nameHolder writes the name of this process into the lock. It is for people, and the lock does not
// depend on it.
func nameHolder(name string, l *flock.Flock) {
	if hasOneHandle {
		return
	}
	f, err := os.OpenFile(filepath.Clean(name), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	locked, err := l.Stat()
	if err != nil {
		return
	}
	if opened, err := f.Stat(); err != nil || !os.SameFile(locked, opened) {
		return // the lock was replaced meanwhile
	}
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	text := fmt.Appendf(nil, " process %d on %s\n", os.Getpid(), host)
	_, _ = f.WriteAt(text[:nameAt], 0)
	_, _ = f.WriteAt(text[nameAt:], nameAt)
	_ = f.Truncate(int64(len(text)))
}

// holder reads the name of the process that holds a lock.
func holder(name string) string {
	const unknown = "another process"
	if hasOneHandle {
		return unknown
	}
	f, err := os.Open(filepath.Clean(name))
	if err != nil {
		return unknown
	}
	defer func() { _ = f.Close() }()
	var text [512]byte
	n, err := f.ReadAt(text[:], nameAt)
	if err != nil && !errors.Is(err, io.EOF) {
		return unknown
	}
	who, _, isWhole := bytes.Cut(text[:n], []byte("\n"))
	if !isWhole || len(who) == 0 {
		return unknown
	}
	return string(who)
}
