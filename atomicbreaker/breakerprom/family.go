// SPDX-License-Identifier: Apache-2.0

package breakerprom

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// family is all series of one metric name.
type family struct {
	name, help string // without the prefix
	subject    subject
	counter    bool // false: a gauge
	largest    bool // equal names show the largest value; false: the sum
	labels     dimension
	value      func(t *breakers.Total, variant int, now time.Time) float64

	desc *prometheus.Desc
	runs [][]variant
}

// variant is one combination of the labels beside "name". A run is all variants with the same labels
// before it. Both are sorted by the values of the labels.
type variant struct {
	index         int // in the dimension
	before, after []*dto.LabelPair
}

// read returns the value of one variant for a name. The largest of negative values is 0: the age of
// a record is negative if the clock was set back.
func (f *family) read(totals []*breakers.Total, variant int, now time.Time) (value float64) {
	for _, t := range totals {
		v := f.value(t, variant, now)
		if f.largest {
			value = max(value, v)
		} else {
			value += v
		}
	}
	return value
}

// dimension is the labels of a family beside "name", sorted by name, with all their values.
type dimension struct {
	names  []string
	values [][]string
}

var (
	plain       = dimension{values: [][]string{nil}}
	states      = stateDimension()
	kinds       = transitionKinds()
	transitions = transitionDimension()
	reasons     = reasonDimension()
)

func stateDimension() dimension {
	d := dimension{names: []string{"state"}}
	for s := atomicbreaker.Closed; s <= atomicbreaker.ForcedClosed; s++ {
		d.values = append(d.values, []string{s.String()})
	}
	return d
}

func transitionKinds() (kinds []breakers.TransitionKind) {
	for kind := range (breakers.Transitions{}).All() {
		kinds = append(kinds, kind)
	}
	return kinds
}

// transitionDimension has the order of kinds.
func transitionDimension() dimension {
	d := dimension{names: []string{"cause", "from", "to"}}
	for _, k := range kinds {
		d.values = append(d.values, []string{k.Cause.String(), k.From.String(), k.To.String()})
	}
	return d
}

func reasonDimension() dimension {
	d := dimension{names: []string{"reason"}}
	for r := guard.Rejected; r <= guard.RecordError; r++ {
		d.values = append(d.values, []string{strings.ReplaceAll(r.String(), " ", "_")})
	}
	return d
}

// prepare makes what the series of each family have in common.
func prepare(families []family) []family {
	for i := range families {
		f := &families[i]
		f.desc = prometheus.NewDesc("atomicbreaker_"+f.name, f.help, append([]string{"name"}, f.labels.names...), nil)
		f.runs = f.labels.runs()
	}
	return families
}

func (d *dimension) runs() (runs [][]variant) {
	order := make([]int, len(d.values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return slices.Compare(d.values[a], d.values[b]) })
	before, _ := slices.BinarySearch(d.names, "name")
	for i, index := range order {
		v := variant{index: index}
		for j, value := range d.values[index] {
			if j < before {
				v.before = append(v.before, label(d.names[j], value))
			} else {
				v.after = append(v.after, label(d.names[j], value))
			}
		}
		if i == 0 || !slices.Equal(d.values[order[i-1]][:before], d.values[index][:before]) {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], v)
	}
	return runs
}
