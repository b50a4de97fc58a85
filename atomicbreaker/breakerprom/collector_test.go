// SPDX-License-Identifier: Apache-2.0

package breakerprom_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerprom"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

func TestCollector_NilRegistryPanics(t *testing.T) {
	require.PanicsWithValue(t, "breakerprom: NewCollector: want a *breakers.Registry, got nil",
		func() { breakerprom.NewCollector(nil) })
}

// All series of a breaker and of a part exist from the start with 0, and there are not too many.
func TestCollector_SeriesExistFromTheStart(t *testing.T) {
	r := breakers.NewRegistry()
	require.Empty(t, scrape(t, r))
	b := r.MustNew("loki")
	states := map[string]float64{`state{name="loki",state="closed"}`: 1}
	for _, step := range []struct {
		name string
		part any
		want int
	}{
		{"breaker", nil, 30},
		{"writer", &writer{}, 9},
		{"batcher", &batcher{}, 4},
		{"spool", &spool{}, 8},
	} {
		before := len(scrape(t, r))
		if step.part == nil {
			before = 0
		} else {
			require.NoError(t, r.Attach(b, step.part))
		}
		require.Len(t, scrape(t, r), before+step.want, step.name)
		require.Equal(t, states, changed(scrape(t, r)), step.name)
	}
	before := len(scrape(t, r))
	breakers.NewGroup[int](r, 10, nil, breakers.WithGroupName("tenants"))
	require.Len(t, scrape(t, r), before+10, "group")
	require.Equal(t, states, changed(scrape(t, r)), "group")
	runtime.KeepAlive(b)
}

func TestCollector_Outage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := breakers.NewRegistry()
		b := r.MustNew("loki", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithBackoff(time.Hour))
		b.RecordFailure()
		require.Equal(t, map[string]float64{
			`state{name="loki",state="closed"}`: 1,
			`failures{name="loki"}`:             1,
		}, changed(scrape(t, r)))
		b.RecordFailure()
		time.Sleep(10 * time.Second)
		require.Equal(t, map[string]float64{
			`state{name="loki",state="open"}`:       1,
			`failures{name="loki"}`:                 2,
			`retry_after_seconds{name="loki"}`:      20,
			`not_closed_seconds_total{name="loki"}`: 10,
			`transitions_total{cause="failure_threshold",from="closed",name="loki",to="open"}`: 1,
		}, changed(scrape(t, r)))
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Equal(t, 1.0, scrape(t, r)[`probes_due{name="loki"}`])
		require.True(t, b.Allow())
		require.Equal(t, 1.0, scrape(t, r)[`state{name="loki",state="half_open"}`])
		b.RecordFailure()
		require.Equal(t, map[string]float64{
			`state{name="loki",state="open"}`:       1,
			`failures{name="loki"}`:                 2,
			`attempt{name="loki"}`:                  1,
			`retry_after_seconds{name="loki"}`:      60,
			`not_closed_seconds_total{name="loki"}`: 30,
			`transitions_total{cause="failure_threshold",from="closed",name="loki",to="open"}`: 1,
			`transitions_total{cause="probe_admitted",from="open",name="loki",to="half_open"}`: 1,
			`transitions_total{cause="probe_failed",from="half_open",name="loki",to="open"}`:   1,
		}, changed(scrape(t, r)))
		b.ForceClosed()
		require.Equal(t, 1.0, scrape(t, r)[`state{name="loki",state="forced_closed"}`])
		b.Reset()
	})
}

// Each count of each part has its series.
func TestCollector_Parts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := breakers.NewRegistry()
		b := r.MustNew("loki")
		backlog := full
		backlog.Oldest = time.Now().Add(-time.Minute)
		for _, part := range []any{
			&writer{breakerio.Stats{
				Fallback: 1, Lost: 2, Rejected: 3, Failed: 4, Panicked: 5, Busy: 6, RecordErrors: 7,
				Slow: 8, Torn: 9, FallbackTorn: 100, Late: 10, Outages: 11,
			}},
			&batcher{breakerio.BatchStats{Records: 12, Batches: 13, Waiting: 14, Overflowed: 15}},
			&spool{backlog},
		} {
			require.NoError(t, r.Attach(b, part))
		}
		require.Equal(t, map[string]float64{
			`state{name="loki",state="closed"}`:                 1,
			`lost_total{name="loki"}`:                           2,
			`diverted_total{name="loki",reason="rejected"}`:     3,
			`diverted_total{name="loki",reason="failed"}`:       4,
			`diverted_total{name="loki",reason="panicked"}`:     5,
			`diverted_total{name="loki",reason="busy"}`:         6,
			`diverted_total{name="loki",reason="record_error"}`: 7,
			`torn_total{name="loki"}`:                           109,
			`late_total{name="loki"}`:                           10,
			`outages_total{name="loki"}`:                        11,
			`batcher_records_total{name="loki"}`:                12,
			`batcher_batches_total{name="loki"}`:                13,
			`batcher_waiting_bytes{name="loki"}`:                14,
			`batcher_overflowed_total{name="loki"}`:             15,
			`spool_records{name="loki"}`:                        21,
			`spool_size_bytes{name="loki"}`:                     22,
			`spool_oldest_age_seconds{name="loki"}`:             60,
			`spool_appended_total{name="loki"}`:                 23,
			`spool_replayed_total{name="loki"}`:                 24,
			`spool_repeated_total{name="loki"}`:                 25,
			`spool_dropped_total{name="loki"}`:                  26,
			`spool_corrupt_total{name="loki"}`:                  27,
		}, changed(scrape(t, r)))
		runtime.KeepAlive(b)
	})
}

// The clock of a spool's records may be ahead.
func TestCollector_AgeIsNotNegative(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	require.NoError(t, r.Attach(b, &spool{guard.Backlog{Oldest: time.Now().Add(time.Hour)}}))
	require.Zero(t, scrape(t, r)[`spool_oldest_age_seconds{name="loki"}`])
	runtime.KeepAlive(b)
}

// The series share labels. A wrapped registerer adds one to each, which must not touch the others,
// whether it comes before them or after.
func TestCollector_WrappedRegisterers(t *testing.T) {
	for key, series := range map[string][]string{
		"a": {
			`state{a="1",name="loki",state="closed"}`,
			`transitions_total{a="2",cause="reset",from="open",name="file",to="closed"}`,
		},
		"z": {
			`state{name="file",state="closed",z="2"}`,
			`transitions_total{cause="reset",from="open",name="loki",to="closed",z="1"}`,
		},
	} {
		metrics := prometheus.NewPedanticRegistry()
		var made []*atomicbreaker.Breaker
		for _, value := range []string{"1", "2"} {
			r := breakers.NewRegistry()
			made = append(made, r.MustNew("loki"), r.MustNew("file"))
			prometheus.WrapRegistererWith(prometheus.Labels{key: value}, metrics).MustRegister(breakerprom.NewCollector(r))
		}
		values := gather(t, metrics)
		require.Len(t, values, 4*30)
		for _, s := range series {
			require.Contains(t, values, s)
		}
		runtime.KeepAlive(made)
	}
}

// A metric must write its labels in the order of their names. Gather would sort them as well. It also
// sorts the series by the values of their labels, which is fast if they arrive in that order.
func TestCollector_IsSorted(t *testing.T) {
	r := breakers.NewRegistry()
	a, b := r.MustNew("loki"), r.MustNew("file")
	require.NoError(t, r.Attach(b, &writer{}))
	metrics := make(chan prometheus.Metric, 2*30+9)
	breakerprom.NewCollector(r).Collect(metrics)
	close(metrics)
	last := make(map[*prometheus.Desc][]string)
	for m := range metrics {
		var to dto.Metric
		require.NoError(t, m.Write(&to))
		require.True(t, slices.IsSortedFunc(to.Label, func(a, b *dto.LabelPair) int {
			return strings.Compare(a.GetName(), b.GetName())
		}), "%v", to.Label)
		var values []string
		for _, l := range to.Label {
			values = append(values, l.GetValue())
		}
		require.Negative(t, slices.Compare(last[m.Desc()], values), "%v before %v", last[m.Desc()], values)
		last[m.Desc()] = values
	}
	runtime.KeepAlive([]any{a, b})
}

func TestCollector_ConcurrentScrapes(t *testing.T) {
	r := breakers.NewRegistry()
	metrics := prometheus.NewPedanticRegistry()
	metrics.MustRegister(breakerprom.NewCollector(r))
	b := r.MustNew("loki")
	var scrapes, changes sync.WaitGroup
	done := make(chan struct{})
	changes.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				b.ForceOpen()
				b.Reset()
				other := r.MustNew("loki")
				_ = r.Attach(other, breakerio.NewWriter(other, down{}, io.Discard))
			}
		}
	})
	for range 4 {
		scrapes.Go(func() {
			last := 0.0
			for range 50 {
				families, err := metrics.Gather()
				if err != nil {
					t.Errorf("scrape: %v", err)
					return
				}
				now := 0.0
				for _, f := range families {
					if f.GetName() == "atomicbreaker_transitions_total" {
						for _, m := range f.Metric {
							now += m.GetCounter().GetValue()
						}
					}
				}
				if now < last {
					t.Errorf("transitions: %v after %v", now, last)
				}
				last = now
			}
		})
	}
	scrapes.Wait()
	close(done)
	changes.Wait()
}

// BenchmarkScrape serves a scrape of 1,000 breakers, each with a Writer: 39,000 series.
func BenchmarkScrape(b *testing.B) {
	registry := breakers.NewRegistry()
	var writers []*breakerio.Writer
	for i := range 1000 {
		breaker := registry.MustNew(fmt.Sprintf("sink-%04d", i))
		w := breakerio.NewWriter(breaker, down{}, io.Discard)
		if err := registry.Attach(breaker, w); err != nil {
			b.Fatal(err)
		}
		writers = append(writers, w)
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(breakerprom.NewCollector(registry))
	handler := promhttp.HandlerFor(metrics, promhttp.HandlerOpts{DisableCompression: true})
	for b.Loop() {
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if response.Code != http.StatusOK {
			b.Fatal(response.Body)
		}
	}
	for _, w := range writers {
		_ = w.Close()
	}
}
