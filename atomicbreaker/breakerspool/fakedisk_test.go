// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// fakeDisk is a disk in memory that remembers what is not durable yet. A test takes its operations
// as a trace, and rebuilds the disk as it is after a crash at any of them.
//
// It is stricter than most file systems: nothing is durable without a sync, a file's sync does not
// cover its name, and a directory's sync does not cover the files in it. Directories themselves are
// durable once MkdirAll returns, as osDisk makes them.
type fakeDisk struct {
	nodes map[int]*fakeNode
	dirs  map[string]*fakeDir

	lastWritten int            // the node that got the last write to a segment
	observe     func(o fakeOp) // called before each operation; may be nil
	fails       func(o fakeOp) error
}

// fakeNode is a file, whatever its name.
type fakeNode struct {
	durable, cached []byte
	pending         []fakeChange
}

// fakeChange is a write or a truncation that is not durable. A failed sync loses it: no later sync
// makes it durable.
type fakeChange struct {
	fakeOp
	lost bool
}

type fakeDir struct {
	durable, cached map[string]int
	pending         []fakeOp
}

type fakeOpKind uint8

const (
	opMkdir fakeOpKind = iota
	opCreate
	opWrite
	opTruncate
	opSync
	opRename
	opRemove
	opSyncDir
)

// fakeOp is one change of the disk.
type fakeOp struct {
	kind     fakeOpKind
	dir      string
	name, to string
	node     int
	at       int64
	data     []byte
}

func (o fakeOp) String() string {
	kind := [...]string{"mkdir", "create", "write", "truncate", "sync", "rename", "remove", "sync dir"}[o.kind]
	return fmt.Sprintf("%s %s/%s (node %d) at %d, %d bytes", kind, o.dir, o.name, o.node, o.at, len(o.data))
}

func newFakeDisk() *fakeDisk {
	return &fakeDisk{nodes: make(map[int]*fakeNode), dirs: make(map[string]*fakeDir)}
}

func (d *fakeDisk) clone() *fakeDisk {
	c := newFakeDisk()
	c.lastWritten = d.lastWritten
	for id, n := range d.nodes {
		c.nodes[id] = &fakeNode{bytes.Clone(n.durable), bytes.Clone(n.cached), slices.Clone(n.pending)}
	}
	for name, f := range d.dirs {
		c.dirs[name] = &fakeDir{maps.Clone(f.durable), maps.Clone(f.cached), slices.Clone(f.pending)}
	}
	return c
}

// do applies an operation, unless the test makes it fail.
func (d *fakeDisk) do(o fakeOp) error {
	if d.fails != nil {
		if err := d.fails(o); err != nil {
			if o.kind == opSync {
				n := d.nodes[o.node]
				for i := range n.pending {
					n.pending[i].lost = true
				}
			}
			return err
		}
	}
	if d.observe != nil {
		d.observe(o)
	}
	d.apply(o)
	return nil
}

func (d *fakeDisk) apply(o fakeOp) {
	n, f := d.nodes[o.node], d.dirs[o.dir]
	switch o.kind {
	case opMkdir:
		d.dirs[o.dir] = &fakeDir{durable: make(map[string]int), cached: make(map[string]int)}
	case opCreate:
		d.nodes[o.node] = &fakeNode{}
		f.change(o)
	case opWrite, opTruncate:
		n.cached = applyChange(n.cached, o, len(o.data))
		n.pending = append(n.pending, fakeChange{fakeOp: o})
		if o.kind == opWrite && strings.HasSuffix(o.name, segmentSuffix) {
			d.lastWritten = o.node
		}
	case opSync:
		kept := n.pending[:0:0]
		for _, c := range n.pending {
			if c.lost {
				kept = append(kept, c)
			} else {
				n.durable = applyChange(n.durable, c.fakeOp, len(c.data))
			}
		}
		n.pending = kept
	case opRename, opRemove:
		f.change(o)
	case opSyncDir:
		f.durable, f.pending = maps.Clone(f.cached), nil
	}
}

// applyChange returns a file after the first k bytes of a write, or after a truncation.
func applyChange(file []byte, o fakeOp, k int) []byte {
	size := int(o.at) + k
	if len(file) < size {
		file = append(slices.Clip(file), make([]byte, size-len(file))...)
	}
	if o.kind == opTruncate {
		return file[:o.at:o.at]
	}
	file = bytes.Clone(file)
	copy(file[o.at:], o.data[:k])
	return file
}

func (f *fakeDir) change(o fakeOp) {
	changeNames(f.cached, o)
	f.pending = append(f.pending, o)
}

func changeNames(names map[string]int, o fakeOp) {
	switch o.kind {
	case opCreate:
		names[o.name] = o.node
	case opRename:
		delete(names, o.name)
		names[o.to] = o.node
	default:
		delete(names, o.name)
	}
}

func (d *fakeDisk) find(name string) (dir, base string, node int, err error) {
	dir, base = filepath.Split(name)
	dir = filepath.Clean(dir)
	if f := d.dirs[dir]; f != nil {
		if id, ok := f.cached[base]; ok {
			return dir, base, id, nil
		}
	}
	return dir, base, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (d *fakeDisk) MkdirAll(dir string) error {
	if d.dirs[dir] != nil {
		return nil
	}
	return d.do(fakeOp{kind: opMkdir, dir: dir})
}

func (d *fakeDisk) ReadDir(dir string) ([]entry, error) {
	f := d.dirs[dir]
	if f == nil {
		return nil, fs.ErrNotExist
	}
	var found []entry
	for _, name := range slices.Sorted(maps.Keys(f.cached)) {
		found = append(found, entry{name: name, size: int64(len(d.nodes[f.cached[name]].cached)), isFile: true})
	}
	return found, nil
}

func (d *fakeDisk) Create(name string) (file, error) {
	dir, base, _, err := d.find(name)
	if err == nil {
		return nil, fs.ErrExist
	}
	if d.dirs[dir] == nil {
		return nil, err
	}
	return d.create(dir, base)
}

func (d *fakeDisk) create(dir, base string) (file, error) {
	id := len(d.nodes) + 1
	if err := d.do(fakeOp{kind: opCreate, dir: dir, name: base, node: id}); err != nil {
		return nil, err
	}
	return &fakeFile{d, dir, base, id}, nil
}

func (d *fakeDisk) Open(name string) (file, error) {
	dir, base, id, err := d.find(name)
	if err != nil {
		return nil, err
	}
	return &fakeFile{d, dir, base, id}, nil
}

func (d *fakeDisk) Edit(name string) (file, error) {
	f, err := d.Open(name)
	if err != nil {
		return d.Create(name)
	}
	return f, nil
}

func (d *fakeDisk) Exists(name string) bool {
	_, _, _, err := d.find(name)
	return err == nil
}

func (d *fakeDisk) Is(name string, f file) bool {
	_, _, id, err := d.find(name)
	return err == nil && id == f.(*fakeFile).node
}

func (d *fakeDisk) Rename(from, to string) error {
	dir, base, id, err := d.find(from)
	if err != nil {
		return err
	}
	return d.do(fakeOp{kind: opRename, dir: dir, name: base, to: filepath.Base(to), node: id})
}

func (d *fakeDisk) Remove(name string) error {
	dir, base, id, err := d.find(name)
	if err != nil {
		return err
	}
	return d.do(fakeOp{kind: opRemove, dir: dir, name: base, node: id})
}

func (d *fakeDisk) Sync(name string) error {
	dir, base, id, err := d.find(name)
	if err != nil {
		return nil
	}
	return d.do(fakeOp{kind: opSync, dir: dir, name: base, node: id})
}

func (d *fakeDisk) SyncDir(dir string) error { return d.do(fakeOp{kind: opSyncDir, dir: dir}) }

func (d *fakeDisk) Free(string) (int64, bool) { return 0, false }

// fakeFile is an open file. It reads and writes its node, even after the name is gone.
type fakeFile struct {
	disk      *fakeDisk
	dir, name string
	node      int
}

func (f *fakeFile) ReadAt(p []byte, at int64) (int, error) {
	file := f.disk.nodes[f.node].cached
	n := 0
	if at < int64(len(file)) {
		n = copy(p, file[at:])
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *fakeFile) WriteAt(p []byte, at int64) (int, error) {
	o := fakeOp{kind: opWrite, dir: f.dir, name: f.name, node: f.node, at: at, data: bytes.Clone(p)}
	err := f.disk.do(o)
	if err != nil { // a write that fails leaves half of its bytes
		o.data = o.data[:len(p)/2]
		f.disk.apply(o)
		return len(p) / 2, err
	}
	return len(p), nil
}

func (f *fakeFile) Truncate(size int64) error {
	return f.disk.do(fakeOp{kind: opTruncate, dir: f.dir, name: f.name, node: f.node, at: size})
}

func (f *fakeFile) Sync() error {
	return f.disk.do(fakeOp{kind: opSync, dir: f.dir, name: f.name, node: f.node})
}

func (f *fakeFile) Close() error { return nil }

// size returns the bytes of all files.
func (d *fakeDisk) size() (n int64) {
	for _, f := range d.dirs {
		for _, id := range f.cached {
			n += int64(len(d.nodes[id].cached))
		}
	}
	return n
}
