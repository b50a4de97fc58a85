// SPDX-License-Identifier: Apache-2.0

package breakerotel_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerotel"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// exporter keeps the records that it gets.
type exporter struct {
	mu      sync.Mutex
	records []sdklog.Record
}

func (e *exporter) Export(_ context.Context, records []sdklog.Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range records {
		e.records = append(e.records, records[i].Clone())
	}
	return nil
}

func (*exporter) Shutdown(context.Context) error   { return nil }
func (*exporter) ForceFlush(context.Context) error { return nil }

// events returns the records so far as texts.
func (e *exporter) events() (texts []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.records {
		texts = append(texts, text(r))
	}
	return texts
}

func text(r sdklog.Record) string {
	s := fmt.Sprintf("%s %s", r.EventName(), r.SeverityText())
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		s += fmt.Sprintf(" %s=%s", kv.Key, kv.Value.String())
		return true
	})
	return s
}

// providerTo returns a provider that exports each record at once.
func providerTo(e sdklog.Exporter) *sdklog.LoggerProvider {
	return sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewSimpleProcessor(e)))
}

func TestWithEvents_NilPanics(t *testing.T) {
	require.PanicsWithValue(t, "breakerotel: WithEvents: want a log.LoggerProvider, got nil",
		func() { breakerotel.WithEvents(nil) })
}

// One event for each transition, in order, with the attributes of the package page.
func TestWithEvents_OneForEachTransition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var got exporter
		b := breakers.NewRegistry().MustNew("loki\xff", atomicbreaker.WithFailureThreshold(2),
			breakerotel.WithEvents(providerTo(&got)))
		for range 3 {
			_ = b.Do(func() error { return errors.New("503 \xff") })
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		_ = b.Do(func() error { return nil })
		b.ForceOpen()
		b.ForceClosed()
		b.Reset()
		synctest.Wait()
		const name = "atomicbreaker.name=loki\uFFFD"
		require.Equal(t, []string{
			"atomicbreaker.transition WARN " + name + " atomicbreaker.from=closed atomicbreaker.to=open atomicbreaker.cause=failure_threshold" +
				" atomicbreaker.failures=2 atomicbreaker.attempt=0 atomicbreaker.generation=1" +
				" exception.message=503 \uFFFD exception.type=*errors.errorString",
			"atomicbreaker.transition INFO " + name + " atomicbreaker.from=open atomicbreaker.to=half_open atomicbreaker.cause=probe_admitted" +
				" atomicbreaker.failures=2 atomicbreaker.attempt=0 atomicbreaker.generation=2",
			"atomicbreaker.transition INFO " + name + " atomicbreaker.from=half_open atomicbreaker.to=closed atomicbreaker.cause=probe_succeeded" +
				" atomicbreaker.failures=0 atomicbreaker.attempt=1 atomicbreaker.generation=3",
			"atomicbreaker.transition WARN " + name + " atomicbreaker.from=closed atomicbreaker.to=forced_open atomicbreaker.cause=forced" +
				" atomicbreaker.failures=0 atomicbreaker.attempt=1 atomicbreaker.generation=4",
			"atomicbreaker.transition INFO " + name + " atomicbreaker.from=forced_open atomicbreaker.to=forced_closed atomicbreaker.cause=forced" +
				" atomicbreaker.failures=0 atomicbreaker.attempt=1 atomicbreaker.generation=5",
			"atomicbreaker.transition INFO " + name + " atomicbreaker.from=forced_closed atomicbreaker.to=closed atomicbreaker.cause=reset" +
				" atomicbreaker.failures=0 atomicbreaker.attempt=0 atomicbreaker.generation=6",
		}, got.events())
		for i, r := range got.records {
			after := time.Duration(0)
			if i > 0 {
				after = 30 * time.Second
			}
			require.Equal(t, start.Add(after), r.Timestamp())
			require.Equal(t, attribute.Value{}, r.Body())
			want := log.SeverityInfo
			if r.SeverityText() == "WARN" {
				want = log.SeverityWarn
			}
			require.Equal(t, want, r.Severity())
		}
	})
}

// guarded is a log sink behind a breaker, which is down.
type guarded struct {
	breaker *atomicbreaker.Breaker
	sink    exporter
}

func (g *guarded) Export(ctx context.Context, records []sdklog.Record) error {
	_ = g.breaker.Do(func() error {
		_ = g.sink.Export(ctx, records)
		return errors.New("503 Service Unavailable")
	})
	return nil
}

func (*guarded) Shutdown(context.Context) error   { return nil }
func (*guarded) ForceFlush(context.Context) error { return nil }

// The program logs through a guarded sink, and the events take another way.
func TestWithEvents_NotThroughTheGuardedSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var beside exporter
		var down guarded
		down.breaker = atomicbreaker.MustNew("otlp", breakerotel.WithEvents(providerTo(&beside)))
		logger := providerTo(&down).Logger("app")
		for range 100 {
			var r log.Record
			r.SetSeverity(log.SeverityInfo)
			logger.Emit(t.Context(), r)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		down.breaker.Reset()
		synctest.Wait()
		for _, r := range down.sink.records {
			require.Empty(t, r.EventName())
		}
		require.Len(t, beside.records, int(down.breaker.Snapshot().Generation))
		require.Greater(t, len(beside.records), 4)
	})
}

// An event that is emitted through the guarded sink, against the advice, is a call like any other:
// it makes no event without end, and no call of the breaker waits for it.
func TestWithEvents_ThroughTheGuardedSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down guarded
		down.breaker = atomicbreaker.MustNew("otlp", breakerotel.WithEvents(providerTo(&down)), atomicbreaker.WithFailureThreshold(1))
		_ = down.Export(t.Context(), nil)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Empty(t, down.sink.events(), "every event was rejected")
		require.EqualValues(t, 1, down.breaker.Snapshot().Generation)
		down.breaker.Reset()
	})
}

// A provider that hangs delays no call.
func TestWithEvents_HangingProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		b := atomicbreaker.MustNew("loki", breakerotel.WithEvents(providerTo(hanging{hang: hang})))
		start := time.Now()
		for range 100 {
			b.ForceOpen()
			b.Reset()
		}
		require.Zero(t, time.Since(start))
		close(hang)
		synctest.Wait()
	})
}

type hanging struct {
	*exporter
	hang chan struct{}
}

func (h hanging) Export(context.Context, []sdklog.Record) error { <-h.hang; return nil }
