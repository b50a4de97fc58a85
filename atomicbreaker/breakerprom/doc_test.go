// SPDX-License-Identifier: Apache-2.0

package breakerprom_test

import (
	"os"
	"regexp"
	"runtime"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerprom"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

var metric = regexp.MustCompile(`(?m)^//\t(atomicbreaker_[a-z_]+)`)

// listed returns the metrics in the tables of a package page.
func listed(page string) (names []string) {
	for _, m := range metric.FindAllStringSubmatch(page, -1) {
		names = append(names, m[1])
	}
	return names
}

// The package page lists each metric, and none that does not exist.
func TestDoc_ListsTheMetrics(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	for _, part := range []any{&writer{}, &batcher{}, &spool{}} {
		require.NoError(t, r.Attach(b, part))
	}
	breakers.NewGroup[int](r, 1, nil)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(breakerprom.NewCollector(r))
	families, err := metrics.Gather()
	require.NoError(t, err)
	var want []string
	for _, f := range families {
		want = append(want, f.GetName())
	}
	require.ElementsMatch(t, want, listed(string(text)))
	runtime.KeepAlive(b)
}
