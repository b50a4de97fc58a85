// SPDX-License-Identifier: Apache-2.0

package breakerotel

import (
	"strings"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// A subject is what a family describes.
type subject int

const (
	ofBreakers subject = iota
	ofGroups
	ofWriters
	ofBatchers
	ofSpools
	subjects
)

// named is a value of the attribute atomicbreaker.name, with the totals of each subject that it
// stands for. There are several if a breaker has the name of a group, and if names differ only in
// invalid UTF-8.
type named struct {
	name string
	of   [subjects][]*breakers.Total
}

// byName sorts totals by the value of the attribute.
func byName(totals []breakers.Total) []named {
	names := make([]named, 0, len(totals))
	index := make(map[string]int, len(totals))
	for i := range totals {
		t := &totals[i]
		name := valid(t.Name)
		at, ok := index[name]
		if !ok {
			at = len(names)
			index[name] = at
			names = append(names, named{name: name})
		}
		names[at].add(t)
	}
	return names
}

func (n *named) add(t *breakers.Total) {
	has := [subjects]bool{
		ofBreakers: !t.Group,
		ofGroups:   t.Group,
		ofWriters:  t.Writes != nil,
		ofBatchers: t.Batches != nil,
		ofSpools:   t.Backlog != nil,
	}
	for subject, ok := range has {
		if ok {
			n.of[subject] = append(n.of[subject], t)
		}
	}
}

// valid replaces what is not UTF-8. A text that is not valid would fail the export of all others.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
