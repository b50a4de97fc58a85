// SPDX-License-Identifier: Apache-2.0

package breakerprom_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerprom"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// down is a sink that refuses every record.
type down struct{}

func (down) Write([]byte) (int, error) { return 0, errors.New("503 Service Unavailable") }

// A program registers a breaker, mounts its page and exports its metrics. (README.md shows these
// lines.)
func Example_defaultRegistry() {
	sink, fallback := os.Stdout, io.Discard
	b := breakers.Default.MustNew("loki")
	w := breakerio.NewWriter(b, sink, fallback)
	_ = breakers.Default.Attach(b, w)
	http.Handle("/debug/breakers", breakers.Default.Handler())
	prometheus.MustRegister(breakerprom.NewCollector(breakers.Default))

	_, _ = io.WriteString(w, "order accepted\n")
	// Output: order accepted
}

// A program exports a breaker and its Writer.
func Example() {
	registry := breakers.NewRegistry()
	loki := registry.MustNew("loki", atomicbreaker.WithFailureThreshold(2))
	w := breakerio.NewWriter(loki, down{}, io.Discard)
	defer func() { _ = w.Close() }()
	if err := registry.Attach(loki, w); err != nil {
		panic(err)
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(breakerprom.NewCollector(registry))
	server := httptest.NewServer(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	defer server.Close()

	for range 5 {
		_, _ = io.WriteString(w, "order accepted\n")
	}

	response, err := http.Get(server.URL)
	if err != nil {
		panic(err)
	}
	defer func() { _ = response.Body.Close() }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, "atomicbreaker_diverted") || strings.HasPrefix(line, "atomicbreaker_state") {
			fmt.Println(line)
		}
	}
	// Output:
	// atomicbreaker_diverted_total{name="loki",reason="busy"} 0
	// atomicbreaker_diverted_total{name="loki",reason="failed"} 2
	// atomicbreaker_diverted_total{name="loki",reason="panicked"} 0
	// atomicbreaker_diverted_total{name="loki",reason="record_error"} 0
	// atomicbreaker_diverted_total{name="loki",reason="rejected"} 3
	// atomicbreaker_state{name="loki",state="closed"} 0
	// atomicbreaker_state{name="loki",state="forced_closed"} 0
	// atomicbreaker_state{name="loki",state="forced_open"} 0
	// atomicbreaker_state{name="loki",state="half_open"} 0
	// atomicbreaker_state{name="loki",state="open"} 1
}

// Two registries share one endpoint. A label tells them apart.
func ExampleNewCollector() {
	metrics := prometheus.NewRegistry()
	for _, tenant := range []string{"blue", "green"} {
		registry := breakers.NewRegistry()
		breaker := registry.MustNew("loki")
		defer breaker.Reset()
		labeled := prometheus.WrapRegistererWith(prometheus.Labels{"tenant": tenant}, metrics)
		labeled.MustRegister(breakerprom.NewCollector(registry))
	}
	families, err := metrics.Gather()
	if err != nil {
		panic(err)
	}
	for _, m := range families[0].Metric {
		fmt.Print(families[0].GetName())
		for _, l := range m.Label {
			fmt.Printf(" %s=%s", l.GetName(), l.GetValue())
		}
		fmt.Println()
	}
	// Output:
	// atomicbreaker_attempt name=loki tenant=blue
	// atomicbreaker_attempt name=loki tenant=green
}
