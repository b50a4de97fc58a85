// SPDX-License-Identifier: Apache-2.0

package breakerprom

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// NewCollector returns a collector of the metrics of all breakers of r and of their parts. It reads
// r at each scrape and keeps nothing in between. Concurrent scrapes are safe.
//
// To register collectors of several registries with one [prometheus.Registerer], give each a label
// of its own with [prometheus.WrapRegistererWith].
//
// NewCollector panics if r is nil.
func NewCollector(r *breakers.Registry) prometheus.Collector {
	if r == nil {
		panic("breakerprom: NewCollector: want a *breakers.Registry, got nil")
	}
	return collector{r}
}

type collector struct{ registry *breakers.Registry }

// Describe implements [prometheus.Collector].
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for i := range families {
		ch <- families[i].desc
	}
}

// Collect implements [prometheus.Collector].
func (c collector) Collect(ch chan<- prometheus.Metric) {
	names := byName(c.registry.Totals())
	now := time.Now()
	for i := range families {
		families[i].collect(ch, names, now)
	}
}

// collect sends the series of the family. They are made in blocks, because a scrape of many breakers
// spends its time in the allocation of small objects.
func (f *family) collect(ch chan<- prometheus.Metric, names []named, now time.Time) {
	width := 1 + len(f.variants[0])
	for i := range names {
		n := &names[i]
		totals := n.of[f.subject]
		if len(totals) == 0 {
			continue
		}
		block := make([]series, len(f.variants))
		labels := make([]*dto.LabelPair, 0, width*len(f.variants))
		for v, variant := range f.variants {
			start := len(labels)
			labels = append(labels, variant[:f.before]...)
			labels = append(labels, n.label)
			labels = append(labels, variant[f.before:]...)
			// The limited capacity protects the next series: a wrapped registerer appends labels.
			block[v] = series{family: f, labels: labels[start:len(labels):len(labels)], value: f.read(totals, v, now)}
			ch <- &block[v]
		}
	}
}

// series is one series at the time of a scrape. Constant metrics of the prometheus package would
// make and sort a list of labels for each.
type series struct {
	family *family
	labels []*dto.LabelPair // sorted by name
	value  float64
}

// Desc implements [prometheus.Metric].
func (s *series) Desc() *prometheus.Desc { return s.family.desc }

// Write implements [prometheus.Metric].
func (s *series) Write(to *dto.Metric) error {
	to.Label = s.labels
	if s.family.counter {
		to.Counter = &dto.Counter{Value: &s.value}
	} else {
		to.Gauge = &dto.Gauge{Value: &s.value}
	}
	return nil
}
