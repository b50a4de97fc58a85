// SPDX-License-Identifier: Apache-2.0

package breakerprom

import (
	"strings"

	dto "github.com/prometheus/client_model/go"

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

// named is a value of the label "name", with the totals of each subject that it stands for. There
// are several if a breaker has the name of a group, and if names differ only in invalid UTF-8.
type named struct {
	label *dto.LabelPair
	of    [subjects][]*breakers.Total
}

// byName sorts totals by the value of the label.
func byName(totals []breakers.Total) []named {
	names := make([]named, 0, len(totals))
	index := make(map[string]int, len(totals))
	for i := range totals {
		t := &totals[i]
		// A label that is not valid UTF-8 would fail the whole scrape.
		value := strings.ToValidUTF8(t.Name, "\uFFFD")
		at, ok := index[value]
		if !ok {
			at = len(names)
			index[value] = at
			names = append(names, named{label: label("name", value)})
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

func label(name, value string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: &value} }
