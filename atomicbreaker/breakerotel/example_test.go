// SPDX-License-Identifier: Apache-2.0

package breakerotel_test

import (
	"context"
	"fmt"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerotel"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// A reader collects the metrics of a registry.
func Example() {
	registry := breakers.NewRegistry()
	loki := registry.MustNew("loki")
	reader := metric.NewManualReader() // in a program, a periodic reader with an exporter
	registration, err := breakerotel.RegisterMetrics(metric.NewMeterProvider(metric.WithReader(reader)), registry)
	if err != nil {
		panic(err)
	}
	defer func() { _ = registration.Unregister() }()

	loki.ForceOpen()

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &collected); err != nil {
		panic(err)
	}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		if data, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "atomicbreaker.state" {
			for _, p := range data.DataPoints {
				if p.Value > 0 {
					state, _ := p.Attributes.Value("atomicbreaker.state")
					fmt.Println(m.Name, state.AsString(), p.Value)
				}
			}
		}
	}
	loki.Reset()
	// Output:
	// atomicbreaker.state forced_open 1
}

// channel is an exporter that sends each record to a channel.
type channel chan sdklog.Record

func (c channel) Export(_ context.Context, records []sdklog.Record) error {
	for i := range records {
		c <- records[i].Clone()
	}
	return nil
}

func (channel) Shutdown(context.Context) error   { return nil }
func (channel) ForceFlush(context.Context) error { return nil }

// The events of a breaker go to a provider that does not use its sink.
func ExampleWithEvents() {
	records := make(channel, 2) // in a program, an exporter to standard error or to the fallback
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(records)))
	loki := breakers.NewRegistry().MustNew("loki", breakerotel.WithEvents(provider))

	loki.ForceOpen()
	loki.Reset()

	for range 2 {
		r := <-records
		fmt.Println(r.EventName(), r.SeverityText())
	}
	// Output:
	// atomicbreaker.transition WARN
	// atomicbreaker.transition INFO
}
