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

// deaths yields the disk after the death of a process that is about to do an operation: before it,
// and with each part of a write done.
func (d *fakeDisk) deaths(o fakeOp, yield func(*fakeDisk)) {
	yield(d.clone())
	if o.kind != opWrite {
		return
	}
	for k := 1; k < len(o.data); k++ {
		part := o
		part.data = o.data[:k]
		c := d.clone()
		c.apply(part)
		yield(c)
	}
}

const (
	fakePage     = 32 // bytes of a file that are lost together; tiny, so that tiny files have some
	mostMasked   = 3  // changes of which each subset is tried; of more, each prefix and each single loss
	fakeMostDirs = 1 << 10
)

// powerLosses yields each disk that a loss of power may leave: of the changes of names since the
// last sync, each subset; of the changes of one file, each prefix cut at each byte, and each subset
// of pages; of the other files, all changes or none.
func (d *fakeDisk) powerLosses(yield func(*fakeDisk)) {
	seen := make(map[string]bool)
	emit := func(names map[string]map[string]int, content func(id int) []byte) {
		c := newFakeDisk()
		var key bytes.Buffer
		for _, dir := range slices.Sorted(maps.Keys(names)) {
			c.dirs[dir] = &fakeDir{durable: names[dir], cached: maps.Clone(names[dir])}
			for _, name := range slices.Sorted(maps.Keys(names[dir])) {
				id := names[dir][name]
				file := content(id)
				c.nodes[id] = &fakeNode{durable: file, cached: file}
				fmt.Fprintf(&key, "%s/%s %d %d ", dir, name, id, len(file))
				key.Write(file)
			}
		}
		if seen[key.String()] {
			return
		}
		seen[key.String()] = true
		// Create gives out the number of nodes as the next number, so there must be no gap.
		for id := range d.nodes {
			if c.nodes[id] == nil {
				c.nodes[id] = &fakeNode{}
			}
		}
		yield(c)
	}
	durable := func(id int) []byte { return d.nodes[id].durable }
	cached := func(id int) []byte { return d.nodes[id].cached }
	d.names(func(names map[string]map[string]int) {
		emit(names, durable)
		emit(names, cached)
		for _, files := range names {
			for _, varied := range files {
				d.nodes[varied].contents(func(file []byte) {
					for _, others := range []func(int) []byte{durable, cached} {
						emit(names, func(id int) []byte {
							if id == varied {
								return file
							}
							return others(id)
						})
					}
				})
			}
		}
	})
}

// names yields the names that a loss of power may leave in all directories.
func (d *fakeDisk) names(yield func(map[string]map[string]int)) {
	all := []map[string]map[string]int{{}}
	for _, dir := range slices.Sorted(maps.Keys(d.dirs)) {
		f := d.dirs[dir]
		var next []map[string]map[string]int
		for _, kept := range subsets(len(f.pending)) {
			names := maps.Clone(f.durable)
			for _, i := range kept {
				changeNames(names, f.pending[i])
			}
			for _, others := range all {
				both := maps.Clone(others)
				both[dir] = maps.Clone(names)
				next = append(next, both)
			}
		}
		all = next[:min(len(next), fakeMostDirs)]
	}
	for _, names := range all {
		yield(names)
	}
}

// subsets returns subsets of the numbers below n: all of them, or, of many numbers, each prefix and
// each with one number missing.
func subsets(n int) (sets [][]int) {
	if n <= mostMasked {
		for mask := range 1 << n {
			var set []int
			for i := range n {
				if mask>>i&1 == 1 {
					set = append(set, i)
				}
			}
			sets = append(sets, set)
		}
		return sets
	}
	for i := range n + 1 {
		var prefix, others []int
		for j := range n {
			if j < i {
				prefix = append(prefix, j)
			}
			if j != i {
				others = append(others, j)
			}
		}
		sets = append(sets, prefix, others)
	}
	return sets
}

// contents yields what a loss of power may leave of a file.
func (n *fakeNode) contents(yield func([]byte)) {
	if len(n.pending) == 0 {
		return
	}
	file := bytes.Clone(n.durable)
	for _, c := range n.pending {
		for k := range len(c.data) + 1 {
			yield(applyChange(file, c.fakeOp, k))
		}
		file = applyChange(file, c.fakeOp, len(c.data))
	}
	// The new length, with pages that were not written.
	var pages []int
	for p := 0; p < len(n.cached); p += fakePage {
		if !bytes.Equal(page(n.cached, p), page(n.durable, p)) {
			pages = append(pages, p)
		}
	}
	for _, kept := range subsets(len(pages)) {
		torn := make([]byte, len(n.cached))
		copy(torn, n.durable)
		for _, i := range kept {
			copy(torn[pages[i]:], page(n.cached, pages[i]))
		}
		yield(torn)
	}
}

func page(file []byte, at int) []byte {
	if at >= len(file) {
		return nil
	}
	return file[at:min(at+fakePage, len(file))]
}
