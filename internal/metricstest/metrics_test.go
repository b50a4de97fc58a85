// SPDX-License-Identifier: Apache-2.0

package metricstest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerotel"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerprom"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Parts with fixed counts.
type (
	writer  breakerio.Stats
	batcher breakerio.BatchStats
	spool   guard.Backlog
)

func (w writer) Stats() breakerio.Stats       { return breakerio.Stats(w) }
func (b batcher) Stats() breakerio.BatchStats { return breakerio.BatchStats(b) }
func (s spool) Backlog() guard.Backlog        { return guard.Backlog(s) }

// busy returns a registry in which as many values as possible differ from 0 and from each other.
func busy(t *testing.T) (r *breakers.Registry, reset func()) {
	t.Helper()
	r = breakers.NewRegistry()
	var made []*atomicbreaker.Breaker
	for i, name := range []string{"loki", "loki", "file\xff", "tenants"} {
		b := r.MustNew(name, atomicbreaker.WithBackoff(time.Hour), atomicbreaker.WithFailureThreshold(i+2))
		made = append(made, b)
		b.RecordFailure()
		n := uint64(100 * (i + 1))
		require.NoError(t, r.Attach(b, &writer{
			Fallback: n + 1, Lost: n + 2, Rejected: n + 3, Failed: n + 4, Panicked: n + 5, Busy: n + 6, RecordErrors: n + 7,
			Slow: n + 8, Torn: n + 9, FallbackTorn: n + 10, Late: n + 11, Outages: n + 12,
		}))
		require.NoError(t, r.Attach(b, &batcher{Records: n + 13, Batches: n + 14, Waiting: n + 15, Overflowed: n + 16}))
		require.NoError(t, r.Attach(b, &spool{
			Records: n + 17, Bytes: int64(n + 18), Oldest: time.Now().Add(-time.Duration(i+1) * time.Minute),
			Appended: n + 19, Replayed: n + 20, Repeated: n + 21, Dropped: n + 22, Corrupt: n + 23,
		}))
	}
	made[1].Trip()
	made[2].ForceOpen()
	g := breakers.NewGroup[int](r, 2, nil, breakers.WithGroupName("tenants"))
	for key := range 5 {
		b := g.Get(key)
		made = append(made, b)
		if key > 0 {
			b.Trip()
		}
	}
	time.Sleep(31 * time.Second)
	synctest.Wait()
	made[1].Allow()
	made[1].RecordFailure()
	time.Sleep(time.Second)
	return r, func() {
		for _, b := range made {
			b.Reset()
		}
	}
}

// family is a metric in the form of Prometheus.
type family struct {
	kind, help string
	values     map[string]float64 // by labels
}

// gather returns the metrics of Prometheus without the labels that only OpenTelemetry has.
func gather(t *testing.T, from prometheus.Gatherer) map[string]family {
	t.Helper()
	gathered, err := from.Gather()
	require.NoError(t, err)
	families := make(map[string]family)
	for _, f := range gathered {
		if f.GetName() == "target_info" {
			continue
		}
		values := make(map[string]float64)
		for _, m := range f.Metric {
			labels := make(map[string]string)
			for _, l := range m.Label {
				if !strings.HasPrefix(l.GetName(), "otel_scope_") {
					labels[l.GetName()] = l.GetValue()
				}
			}
			values[key(labels)] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
		families[f.GetName()] = family{f.GetType().String(), f.GetHelp(), values}
	}
	return families
}

// key returns labels as a text. The prefix of OpenTelemetry's attributes is left out, as the
// relabeling on the page of breakerotel does.
func key(labels map[string]string) string {
	var text strings.Builder
	for _, name := range []string{"name", "state", "from", "to", "cause", "reason"} {
		for _, prefix := range []string{"", "atomicbreaker_", "atomicbreaker."} {
			if value, ok := labels[prefix+name]; ok {
				text.WriteString(name + "=" + value + " ")
				delete(labels, prefix+name)
			}
		}
	}
	if len(labels) > 0 {
		return "unexpected labels"
	}
	return text.String()
}

// collect returns the metrics of OpenTelemetry in the form of Prometheus.
func collect(t *testing.T, reader sdk.Reader) map[string]family {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	families := make(map[string]family)
	require.Len(t, all.ScopeMetrics, 1)
	for _, m := range all.ScopeMetrics[0].Metrics {
		f := family{kind: "GAUGE", help: m.Description}
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			f.read(data.IsMonotonic, points(data.DataPoints))
		case metricdata.Sum[float64]:
			f.read(data.IsMonotonic, points(data.DataPoints))
		case metricdata.Gauge[int64]:
			f.read(false, points(data.DataPoints))
		case metricdata.Gauge[float64]:
			f.read(false, points(data.DataPoints))
		}
		name := strings.ReplaceAll(m.Name, ".", "_")
		name += map[string]string{"s": "_seconds", "By": "_bytes"}[m.Unit]
		if f.kind == "COUNTER" {
			name += "_total"
		}
		families[name] = f
	}
	return families
}

func (f *family) read(monotonic bool, values map[string]float64) {
	f.values = values
	if monotonic {
		f.kind = "COUNTER"
	}
}

func points[N int64 | float64](points []metricdata.DataPoint[N]) map[string]float64 {
	values := make(map[string]float64)
	for _, p := range points {
		labels := make(map[string]string)
		for _, a := range p.Attributes.ToSlice() {
			labels[string(a.Key)] = a.Value.String()
		}
		values[key(labels)] = float64(p.Value)
	}
	return values
}

// One registry has the same metrics in Prometheus, in OpenTelemetry, and in OpenTelemetry's exporter
// to Prometheus, family by family: name, kind, help, labels and values.
func TestMetrics_AreEqual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, reset := busy(t)
		defer reset()
		native := prometheus.NewPedanticRegistry()
		native.MustRegister(breakerprom.NewCollector(r))
		want := gather(t, native)
		require.Len(t, want, 30)
		not0 := 0
		for name, f := range want {
			for _, v := range f.values {
				if v != 0 {
					not0++
					break
				}
			}
			require.NotEmpty(t, f.values, name)
		}
		require.GreaterOrEqual(t, not0, 29, "families with a value other than 0")

		reader := sdk.NewManualReader()
		exported := prometheus.NewRegistry()
		exporter, err := otelprom.New(otelprom.WithRegisterer(exported))
		require.NoError(t, err)
		provider := sdk.NewMeterProvider(sdk.WithReader(reader), sdk.WithReader(exporter))
		_, err = breakerotel.RegisterMetrics(provider, r)
		require.NoError(t, err)
		for way, got := range map[string]map[string]family{
			"the manual reader": collect(t, reader),
			"the exporter":      gather(t, exported),
		} {
			for name := range want {
				require.Equal(t, want[name], got[name], "%s: %s", way, name)
			}
			require.Len(t, got, len(want), way)
		}
	})
}
