// SPDX-License-Identifier: Apache-2.0

package breakerotel_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerotel"
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

// collect returns the present values by series, as in state map[atomicbreaker.name:loki ...].
func collect(t *testing.T, reader sdk.Reader) map[string]float64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	values := make(map[string]float64)
	for _, s := range all.ScopeMetrics {
		require.Equal(t, "github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerotel", s.Scope.Name)
		for _, m := range s.Metrics {
			require.NotEmpty(t, m.Description)
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				add(values, m.Name, data.DataPoints)
			case metricdata.Sum[float64]:
				add(values, m.Name, data.DataPoints)
			case metricdata.Gauge[int64]:
				add(values, m.Name, data.DataPoints)
			case metricdata.Gauge[float64]:
				add(values, m.Name, data.DataPoints)
			default:
				require.Fail(t, "unexpected data", "%T", data)
			}
		}
	}
	return values
}

func add[N int64 | float64](values map[string]float64, name string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		series := name
		for _, a := range p.Attributes.ToSlice() {
			series += fmt.Sprintf(" %s=%s", a.Key, a.Value.String())
		}
		values[series] = float64(p.Value)
	}
}

// register returns a reader of the metrics of r.
func register(t *testing.T, r *breakers.Registry, opts ...sdk.Option) (*sdk.ManualReader, metric.Registration) {
	t.Helper()
	reader := sdk.NewManualReader()
	registration, err := breakerotel.RegisterMetrics(sdk.NewMeterProvider(append(opts, sdk.WithReader(reader))...), r)
	require.NoError(t, err)
	return reader, registration
}

func TestRegisterMetrics_NilPanics(t *testing.T) {
	require.PanicsWithValue(t, "breakerotel: RegisterMetrics: want a metric.MeterProvider, got nil",
		func() { _, _ = breakerotel.RegisterMetrics(nil, breakers.NewRegistry()) })
	require.PanicsWithValue(t, "breakerotel: RegisterMetrics: want a *breakers.Registry, got nil",
		func() { _, _ = breakerotel.RegisterMetrics(sdk.NewMeterProvider(), nil) })
}

// All series exist from the start with 0, until Unregister.
func TestRegisterMetrics_FromStartToEnd(t *testing.T) {
	r := breakers.NewRegistry()
	reader, registration := register(t, r)
	require.Empty(t, collect(t, reader))
	b := r.MustNew("loki")
	for _, part := range []any{&writer{}, &batcher{}, &spool{}} {
		require.NoError(t, r.Attach(b, part))
	}
	breakers.NewGroup[int](r, 1, nil)
	values := collect(t, reader)
	require.Len(t, values, 30+9+4+8+10)
	for series, v := range values {
		if series == "atomicbreaker.state atomicbreaker.name=loki atomicbreaker.state=closed" {
			require.Equal(t, 1.0, v)
		} else {
			require.Zero(t, v, series)
		}
	}
	require.NoError(t, registration.Unregister())
	require.Empty(t, collect(t, reader))
	runtime.KeepAlive(b)
}

// The counters of an outage, with both temporalities.
func TestRegisterMetrics_Temporality(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	w := &writer{}
	require.NoError(t, r.Attach(b, w))
	cumulative := sdk.NewManualReader()
	delta := sdk.NewManualReader(sdk.WithTemporalitySelector(func(sdk.InstrumentKind) metricdata.Temporality {
		return metricdata.DeltaTemporality
	}))
	_, err := breakerotel.RegisterMetrics(sdk.NewMeterProvider(sdk.WithReader(cumulative), sdk.WithReader(delta)), r)
	require.NoError(t, err)
	const lost, tripped = "atomicbreaker.lost atomicbreaker.name=loki",
		"atomicbreaker.transitions atomicbreaker.cause=tripped atomicbreaker.from=closed atomicbreaker.name=loki atomicbreaker.to=open"
	for i := 1.0; i <= 3; i++ {
		b.Trip()
		b.Reset()
		w.stats.Lost += 5
		values := collect(t, cumulative)
		require.Equal(t, []float64{5 * i, i}, []float64{values[lost], values[tripped]})
		values = collect(t, delta)
		require.Equal(t, []float64{5, 1}, []float64{values[lost], values[tripped]})
	}
}

// Equal names, and names that differ only in bytes that are not UTF-8, are one series. The SDK would
// keep only one of two observations.
func TestRegisterMetrics_EqualNames(t *testing.T) {
	for _, names := range [][2]string{{"loki", "loki"}, {"loki\xff", "loki\xfe"}} {
		r := breakers.NewRegistry()
		var made []*atomicbreaker.Breaker
		for i, name := range names {
			b := r.MustNew(name)
			made = append(made, b)
			require.NoError(t, r.Attach(b, &writer{breakerio.Stats{Lost: 3}}))
			require.NoError(t, r.Attach(b, &spool{guard.Backlog{Oldest: time.Now().Add(-time.Duration(i) * time.Hour)}}))
		}
		reader, _ := register(t, r)
		values := collect(t, reader)
		require.Len(t, values, 30+9+8)
		name := "atomicbreaker.name=loki"
		if names[0] != "loki" {
			name += "\uFFFD"
		}
		require.Equal(t, 2.0, values["atomicbreaker.state "+name+" atomicbreaker.state=closed"])
		require.Equal(t, 6.0, values["atomicbreaker.lost "+name])
		require.InDelta(t, 3600, values["atomicbreaker.spool.oldest_age "+name], 60, "the oldest")
		runtime.KeepAlive(made)
	}
}

// refuses is a provider that refuses instruments.
type refuses struct{ metric.MeterProvider }

type refusesCounters struct{ metric.Meter }

func (r refuses) Meter(name string, _ ...metric.MeterOption) metric.Meter {
	return refusesCounters{r.MeterProvider.Meter(name)}
}

func (refusesCounters) Int64ObservableCounter(name string, _ ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	return nil, errors.New("no counter " + name)
}

func TestRegisterMetrics_Refused(t *testing.T) {
	_, err := breakerotel.RegisterMetrics(refuses{sdk.NewMeterProvider()}, breakers.NewRegistry())
	require.ErrorContains(t, err, "breakerotel: register metrics: no counter atomicbreaker.transitions")
}

// An SDK with the default limit of 2,000 series for each instrument has no room for the transitions
// of 100 names, as the package page says.
func TestRegisterMetrics_CardinalityLimit(t *testing.T) {
	r := breakers.NewRegistry()
	var made []*atomicbreaker.Breaker
	for i := range 100 {
		made = append(made, r.MustNew(fmt.Sprint(i)))
	}
	reader, _ := register(t, r)
	require.Contains(t, collect(t, reader), "atomicbreaker.transitions otel.metric.overflow=true")
	reader, _ = register(t, r, sdk.WithCardinalityLimit(0))
	require.Len(t, collect(t, reader), 100*30)
	runtime.KeepAlive(made)
}

func TestRegisterMetrics_ConcurrentCollections(t *testing.T) {
	r := breakers.NewRegistry()
	reader, _ := register(t, r)
	b := r.MustNew("loki")
	var collections sync.WaitGroup
	for range 4 {
		collections.Go(func() {
			for range 20 {
				b.ForceOpen()
				b.Reset()
				var all metricdata.ResourceMetrics
				if err := reader.Collect(context.Background(), &all); err != nil {
					t.Errorf("collect: %v", err)
				}
			}
		})
	}
	collections.Wait()
}

var listed = regexp.MustCompile(`(?m)^//\t(atomicbreaker\.[a-z_.]+) +([a-z]+) +(\S+) `)

// The package page lists each instrument with its kind and unit, and none that does not exist.
func TestDoc_ListsTheInstruments(t *testing.T) {
	page, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	var names []string
	for _, m := range listed.FindAllStringSubmatch(string(page), -1) {
		names = append(names, m[1]+" "+m[2]+" "+m[3])
	}
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	for _, part := range []any{&writer{}, &batcher{}, &spool{}} {
		require.NoError(t, r.Attach(b, part))
	}
	breakers.NewGroup[int](r, 1, nil)
	reader, _ := register(t, r)
	var all metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &all))
	var want []string
	for _, m := range all.ScopeMetrics[0].Metrics {
		want = append(want, m.Name+" "+kind(m.Data)+" "+m.Unit)
	}
	require.ElementsMatch(t, want, names)
	runtime.KeepAlive(b)
}

func kind(data metricdata.Aggregation) string {
	monotonic := false
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		monotonic = data.IsMonotonic
	case metricdata.Sum[float64]:
		monotonic = data.IsMonotonic
	default:
		return "gauge"
	}
	if monotonic {
		return "counter"
	}
	return "sum"
}
