// SPDX-License-Identifier: Apache-2.0

package breakerprom_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerprom"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Parts with counts that a test sets.
type (
	writer  struct{ stats breakerio.Stats }
	batcher struct{ stats breakerio.BatchStats }
	spool   struct{ backlog guard.Backlog }
)

func (w *writer) Stats() breakerio.Stats       { return w.stats }
func (b *batcher) Stats() breakerio.BatchStats { return b.stats }
func (s *spool) Backlog() guard.Backlog        { return s.backlog }

// full is a spool with a different number in each count.
var full = guard.Backlog{
	Records: 21, Bytes: 22, Oldest: time.Unix(1, 0),
	Appended: 23, Replayed: 24, Repeated: 25, Dropped: 26, Corrupt: 27,
}

// scrape returns the values of a scrape of r by series, as in state{name="loki",state="open"}. It
// requires that the scrape is valid.
func scrape(t require.TestingT, r *breakers.Registry) map[string]float64 {
	metrics := prometheus.NewPedanticRegistry()
	metrics.MustRegister(breakerprom.NewCollector(r))
	return gather(t, metrics)
}

func gather(t require.TestingT, metrics prometheus.Gatherer) map[string]float64 {
	families, err := metrics.Gather()
	require.NoError(t, err)
	values := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			series := strings.TrimPrefix(f.GetName(), "atomicbreaker_") + "{" + strings.Join(labels, ",") + "}"
			values[series] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return values
}

// changed returns the values that are not 0.
func changed(values map[string]float64) map[string]float64 {
	not0 := make(map[string]float64)
	for series, v := range values {
		if v != 0 {
			not0[series] = v
		}
	}
	return not0
}

// label returns a name as it is in a label.
func label(name string) string { return strings.ToValidUTF8(name, "\uFFFD") }
