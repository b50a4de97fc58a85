// SPDX-License-Identifier: Apache-2.0

package breakerotel

import (
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// family is all series of one instrument.
type family struct {
	kind       kind
	name, unit string // the name without the prefix
	help       string
	subject    subject
	variants   [][]attribute.KeyValue // beside the name
	value      func(t *breakers.Total, variant int, now time.Time) float64
}

type kind int

const (
	counter kind = iota // equal names are added up
	sum                 // the same, but the value may decrease
	largest             // equal names show the largest value
)

// read returns the value of one variant for a name. The largest of negative values is 0: the age of
// a record is negative if the clock was set back.
func (f *family) read(totals []*breakers.Total, variant int, now time.Time) (value float64) {
	for _, t := range totals {
		v := f.value(t, variant, now)
		if f.kind == largest {
			value = max(value, v)
		} else {
			value += v
		}
	}
	return value
}

// attributes returns those of one variant for a name.
func (f *family) attributes(n *named, variant int) attribute.Set {
	all := append([]attribute.KeyValue{nameKey.String(n.name)}, f.variants[variant]...)
	return attribute.NewSet(all...)
}

// instrument makes the instrument of f: of floats for a time, of integers for a count.
func (f *family) instrument(meter metric.Meter) (metric.Observable, observer, error) {
	name, unit, help := "atomicbreaker."+f.name, metric.WithUnit(f.unit), metric.WithDescription(f.help)
	if f.unit == "s" {
		var i metric.Float64Observable
		var err error
		switch f.kind {
		case counter:
			i, err = meter.Float64ObservableCounter(name, unit, help)
		case largest:
			i, err = meter.Float64ObservableGauge(name, unit, help)
		default:
			panic(fmt.Sprintf("breakerotel: %s: a sum of times that decreases", name))
		}
		return i, func(o metric.Observer, value float64, attributes metric.MeasurementOption) {
			o.ObserveFloat64(i, value, attributes)
		}, err
	}
	var i metric.Int64Observable
	var err error
	switch f.kind {
	case counter:
		i, err = meter.Int64ObservableCounter(name, unit, help)
	case sum:
		i, err = meter.Int64ObservableUpDownCounter(name, unit, help)
	case largest:
		i, err = meter.Int64ObservableGauge(name, unit, help)
	}
	return i, func(o metric.Observer, value float64, attributes metric.MeasurementOption) {
		o.ObserveInt64(i, int64(value), attributes)
	}, err
}

// The attributes.
const (
	nameKey   = attribute.Key("atomicbreaker.name")
	stateKey  = attribute.Key("atomicbreaker.state")
	fromKey   = attribute.Key("atomicbreaker.from")
	toKey     = attribute.Key("atomicbreaker.to")
	causeKey  = attribute.Key("atomicbreaker.cause")
	reasonKey = attribute.Key("atomicbreaker.reason")
)

var (
	plain       = [][]attribute.KeyValue{nil}
	states      = stateVariants()
	kinds       = transitionKinds()
	transitions = transitionVariants()
	reasons     = reasonVariants()
)

func stateVariants() (variants [][]attribute.KeyValue) {
	for s := atomicbreaker.Closed; s <= atomicbreaker.ForcedClosed; s++ {
		variants = append(variants, []attribute.KeyValue{stateKey.String(s.String())})
	}
	return variants
}

func transitionKinds() (kinds []breakers.TransitionKind) {
	for kind := range (breakers.Transitions{}).All() {
		kinds = append(kinds, kind)
	}
	return kinds
}

// transitionVariants has the order of kinds.
func transitionVariants() (variants [][]attribute.KeyValue) {
	for _, k := range kinds {
		variants = append(variants, []attribute.KeyValue{
			fromKey.String(k.From.String()), toKey.String(k.To.String()), causeKey.String(k.Cause.String()),
		})
	}
	return variants
}

func reasonVariants() (variants [][]attribute.KeyValue) {
	for r := guard.Rejected; r <= guard.RecordError; r++ {
		variants = append(variants, []attribute.KeyValue{reasonKey.String(strings.ReplaceAll(r.String(), " ", "_"))})
	}
	return variants
}
