// SPDX-License-Identifier: Apache-2.0

package breakerotel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// scope is the name of the instrumentation scope of all metrics and events.
const scope = "github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerotel"

// RegisterMetrics registers the metrics of all breakers of r, and of their parts, with a provider.
// One callback reads r at each collection and keeps nothing in between.
//
// Call it once for each provider and registry: after a second call, both callbacks observe each
// series. Unregister of the result ends the observation; the series then end with the next
// collection. The result keeps r in memory until then, but none of its breakers.
//
// RegisterMetrics returns an error if the provider refuses an instrument, such as one that is
// registered with another unit. It panics if the provider or r is nil.
func RegisterMetrics(provider metric.MeterProvider, r *breakers.Registry) (metric.Registration, error) {
	if provider == nil {
		panic("breakerotel: RegisterMetrics: want a metric.MeterProvider, got nil")
	}
	if r == nil {
		panic("breakerotel: RegisterMetrics: want a *breakers.Registry, got nil")
	}
	meter := provider.Meter(scope)
	instruments := make([]metric.Observable, len(families))
	observe := make([]observer, len(families))
	var failed []error
	for i := range families {
		var err error
		instruments[i], observe[i], err = families[i].instrument(meter)
		failed = append(failed, err)
	}
	if err := errors.Join(failed...); err != nil {
		return nil, fmt.Errorf("breakerotel: register metrics: %w", err)
	}
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		names := byName(r.Totals())
		now := time.Now()
		for i := range families {
			families[i].collect(names, now, func(value float64, attributes metric.MeasurementOption) {
				observe[i](o, value, attributes)
			})
		}
		return nil
	}, instruments...)
	if err != nil {
		return nil, fmt.Errorf("breakerotel: register metrics: %w", err)
	}
	return registration, nil
}

// observer observes one value of an instrument.
type observer func(o metric.Observer, value float64, attributes metric.MeasurementOption)

// collect observes each series of the family.
func (f *family) collect(names []named, now time.Time, observe func(float64, metric.MeasurementOption)) {
	for i := range names {
		n := &names[i]
		if totals := n.of[f.subject]; len(totals) > 0 {
			for v := range f.variants {
				observe(f.read(totals, v, now), metric.WithAttributeSet(f.attributes(n, v)))
			}
		}
	}
}
