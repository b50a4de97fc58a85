// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
)

var (
	errDead = errors.New("the process is dead")
	errFull = errors.New("no space left on device")
)

// memory is the content of a disk. It outlives the processes of the model.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
	most  int64 // the largest size of all files so far
}

func (m *memory) size() (n int64) {
	for _, data := range m.files {
		n += int64(len(data))
	}
	return n
}

// modelDisk is the disk as one process sees it.
type modelDisk struct {
	*memory
	dead     bool // the process was killed
	full     bool // nothing can grow
	part     int  // bytes that a full disk still takes
	failures int  // operations that the full disk refused
}

func (d *modelDisk) check() error {
	if d.dead {
		return errDead
	}
	return nil
}

func (d *modelDisk) sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.check()
}

// set changes what the disk does.
func (d *modelDisk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *modelDisk) MkdirAll(string) error { return nil }

func (d *modelDisk) ReadDir(dir string) (entries []entry, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, data := range d.files {
		if filepath.Dir(name) == dir {
			entries = append(entries, entry{filepath.Base(name), int64(len(data)), true})
		}
	}
	return entries, d.check()
}

func (d *modelDisk) open(name string, exists, absent bool) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.files[name]
	switch {
	case d.dead:
		return nil, errDead
	case ok && !exists:
		return nil, fs.ErrExist
	case !ok && !absent:
		return nil, fs.ErrNotExist
	case !ok && d.full:
		d.failures++
		return nil, errFull
	case !ok:
		d.files[name] = nil
	}
	return &modelFile{d, name}, nil
}

func (d *modelDisk) Create(name string) (file, error) { return d.open(name, false, true) }
func (d *modelDisk) Open(name string) (file, error)   { return d.open(name, true, false) }
func (d *modelDisk) Edit(name string) (file, error)   { return d.open(name, true, true) }

func (d *modelDisk) Exists(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.files[name]
	return ok
}

func (d *modelDisk) Is(name string, _ file) bool { return d.Exists(name) }

func (d *modelDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[to] = d.files[from]
	delete(d.files, from)
	return d.check()
}

func (d *modelDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errDead
	}
	if _, ok := d.files[name]; !ok {
		return fs.ErrNotExist
	}
	delete(d.files, name)
	return nil
}

func (d *modelDisk) Sync(string) error         { return d.sync() }
func (d *modelDisk) SyncDir(string) error      { return d.sync() }
func (d *modelDisk) Free(string) (int64, bool) { return 0, false }

type modelFile struct {
	disk *modelDisk
	name string
}

func (f *modelFile) ReadAt(p []byte, offset int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return bytes.NewReader(f.disk.files[f.name]).ReadAt(p, offset)
}

func (f *modelFile) WriteAt(p []byte, offset int64) (int, error) {
	d := f.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	data, ok := d.files[f.name]
	var err error
	switch {
	case d.dead:
		return 0, errDead
	case !ok:
		return len(p), nil // deleted, and still open
	case d.full && offset+int64(len(p)) > int64(len(data)):
		d.failures++
		p, err = p[:min(d.part, len(p)-1)], errFull
	}
	if grow := offset + int64(len(p)) - int64(len(data)); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	copy(data[offset:], p)
	d.files[f.name] = data
	if err == nil {
		d.most = max(d.most, d.size())
	}
	return len(p), err
}

func (f *modelFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if f.disk.dead {
		return errDead
	}
	f.disk.files[f.name] = f.disk.files[f.name][:size]
	return nil
}

func (f *modelFile) Sync() error  { return f.disk.sync() }
func (f *modelFile) Close() error { return nil }
