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

// collect sends the series of the family. A scrape of many breakers spends its time in allocations
// and in the sort that follows, so the series are made in blocks and sent in the order of that sort:
// by the values of the labels, of which some come before the name.
func (f *family) collect(ch chan<- prometheus.Metric, names []named, now time.Time) {
	for _, run := range f.runs {
		for i := range names {
			if totals := names[i].of[f.subject]; len(totals) > 0 {
				f.collectRun(ch, run, names[i].label, totals, now)
			}
		}
	}
}

// collectRun sends the series of one name.
func (f *family) collectRun(
	ch chan<- prometheus.Metric, run []variant, name *dto.LabelPair, totals []*breakers.Total, now time.Time,
) {
	block := make([]series, len(run))
	labels := make([]*dto.LabelPair, 0, len(run)*(1+len(run[0].before)+len(run[0].after)))
	for i, v := range run {
		start := len(labels)
		labels = append(labels, v.before...)
		labels = append(labels, name)
		labels = append(labels, v.after...)
		// The limited capacity protects the next series: a wrapped registerer appends labels.
		block[i] = series{family: f, labels: labels[start:len(labels):len(labels)], value: f.read(totals, v.index, now)}
		ch <- &block[i]
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
