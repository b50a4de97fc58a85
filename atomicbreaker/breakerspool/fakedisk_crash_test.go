// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
)

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
	mostMasked   = 3  // changes of which each subset is tried; of more, prefixes and single losses
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
