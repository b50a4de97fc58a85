// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// disk is the file system below a spool. A test replaces it with one that loses power.
type disk interface {
	MkdirAll(dir string) error // durably
	ReadDir(dir string) ([]entry, error)
	Create(name string) (file, error) // fails if the file exists
	Open(name string) (file, error)   // for reading
	Edit(name string) (file, error)   // for reading and writing; creates the file if it is not there
	Exists(name string) bool
	Is(name string, f file) bool // whether the name still leads to the open file
	Rename(from, to string) error
	Remove(name string) error
	Sync(name string) error // no error if the file is gone
	SyncDir(dir string) error
	Free(dir string) (bytes int64, known bool)
}

type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

// entry is a name in a directory.
type entry struct {
	name   string
	size   int64
	isFile bool // a regular one
}

// osDisk is the operating system's disk. Logs may hold secrets, so that only the owner of the
// process may read the files.
type osDisk struct{}

// MkdirAll also syncs the directories above the new ones, and that of dir itself, which a process
// that died may have created. It syncs what it can: a directory that cannot be opened was not
// created by this user.
func (d osDisk) MkdirAll(dir string) error {
	above := directoriesAbove(dir, d.Exists)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, name := range above {
		_ = d.SyncDir(name)
	}
	return nil
}

// directoriesAbove returns the directories above dir, up to the first that exists or the root. On
// Windows the root, a drive or a share, may be missing.
func directoriesAbove(dir string, exists func(string) bool) []string {
	last := filepath.Dir(dir)
	above := []string{last}
	for !exists(last) && filepath.Dir(last) != last {
		last = filepath.Dir(last)
		above = append(above, last)
	}
	return above
}

func (osDisk) ReadDir(dir string) ([]entry, error) {
	found, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, f := range found {
		info, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{f.Name(), info.Size(), info.Mode().IsRegular()})
	}
	return entries, nil
}

func (osDisk) Create(name string) (file, error) {
	return open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

func (osDisk) Open(name string) (file, error) { return open(name, os.O_RDONLY) }

func (osDisk) Edit(name string) (file, error) { return open(name, os.O_RDWR|os.O_CREATE) }

func (osDisk) Exists(name string) bool {
	_, err := os.Lstat(name)
	return !isMissing(err)
}

// isMissing reports whether an error says that a file, or a directory above it, is not there. A
// file may be in the place of the directory.
func isMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func (osDisk) Is(name string, f file) bool {
	named, err := os.Lstat(name)
	if err != nil {
		return !isMissing(err)
	}
	opened, err := f.(*os.File).Stat()
	return err != nil || os.SameFile(named, opened)
}

// open returns a nil interface with an error.
func open(name string, flags int) (file, error) {
	f, err := os.OpenFile(filepath.Clean(name), flags, 0o600)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) Remove(name string) error { return os.Remove(name) }

func (osDisk) Sync(name string) error {
	f, err := open(name, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SyncDir makes the names of files durable. Windows has no such call.
func (osDisk) SyncDir(dir string) error {
	if runtime.GOOS == "windows" || runtime.GOOS == "plan9" {
		return nil
	}
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

func (osDisk) Free(dir string) (int64, bool) { return freeBytes(dir) }
