// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerprom"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

const beside = "../../atomicbreaker/breakerprom"

func TestDashboard_IsRegenerated(t *testing.T) {
	committed, err := os.ReadFile(filepath.Join(beside, "dashboard.json"))
	require.NoError(t, err)
	generated, err := generate()
	require.NoError(t, err)
	require.Equal(t, string(generated), string(committed), "run: go run . >%s/dashboard.json", beside)
}

// Parts without counts.
type (
	writer  struct{}
	batcher struct{}
	spool   struct{}
)

func (writer) Stats() (s breakerio.Stats)       { return s }
func (batcher) Stats() (s breakerio.BatchStats) { return s }
func (spool) Backlog() (s guard.Backlog)        { return s }

// scrape returns the labels of each series by its metric, of a program that has everything. To each,
// it adds the labels of the target.
func scrape(t *testing.T) map[string][]labels.Labels {
	t.Helper()
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	for _, part := range []any{writer{}, batcher{}, spool{}} {
		require.NoError(t, r.Attach(b, part))
	}
	breakers.NewGroup[int](r, 1, nil)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(breakerprom.NewCollector(r))
	families, err := metrics.Gather()
	require.NoError(t, err)
	series := make(map[string][]labels.Labels)
	for _, f := range families {
		for _, m := range f.Metric {
			all := map[string]string{model.MetricNameLabel: f.GetName(), "job": "app", "instance": "app-1:9100"}
			for _, l := range m.Label {
				all[l.GetName()] = l.GetValue()
			}
			series[f.GetName()] = append(series[f.GetName()], labels.FromMap(all))
		}
	}
	runtime.KeepAlive(b)
	return series
}

// queried parses a query and returns its metrics. It requires that each selector finds a series, and
// that each label in a clause is one of them.
func queried(t *testing.T, series map[string][]labels.Labels, query string) (metrics []string) {
	t.Helper()
	for variable, value := range map[string]string{
		"$__rate_interval": "5m", "$__range": "1h", "$job": ".*", "$name": ".*",
	} {
		query = strings.ReplaceAll(query, variable, value)
	}
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	require.NoError(t, err, query)
	var grouping []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			found := selected(series, n)
			require.NotEmpty(t, found, "no series for %s in %s", n, query)
			metrics = append(metrics, found...)
		case *parser.AggregateExpr:
			grouping = append(grouping, n.Grouping...)
		}
		return nil
	})
	require.NotEmpty(t, metrics, query)
	for _, label := range grouping {
		require.True(t, slices.ContainsFunc(metrics, func(m string) bool { return series[m][0].Has(label) }), "%s in %s", label, query)
	}
	return metrics
}

// selected returns the metrics of which a selector finds a series.
func selected(series map[string][]labels.Labels, s *parser.VectorSelector) (metrics []string) {
	for metric, all := range series {
		if slices.ContainsFunc(all, func(l labels.Labels) bool {
			return !slices.ContainsFunc(s.LabelMatchers, func(m *labels.Matcher) bool { return !m.Matches(l.Get(m.Name)) })
		}) {
			metrics = append(metrics, metric)
		}
	}
	return metrics
}

// Every query of the dashboard finds its series in a scrape, and each metric is on the dashboard.
func TestDashboard_QueriesFindTheirSeries(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(beside, "dashboard.json"))
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			ID      int
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Type, Query string }
		}
	}
	require.NoError(t, json.Unmarshal(text, &board))
	series := scrape(t)
	shown := make(map[string]bool)
	queries := 0
	for i, p := range board.Panels {
		require.Equal(t, i+1, p.ID)
		for _, target := range p.Targets {
			queries++
			for _, metric := range queried(t, series, target.Expr) {
				shown[metric] = true
			}
		}
	}
	require.Equal(t, 33, queries)
	require.Len(t, board.Templating.List, 3)
	for _, v := range board.Templating.List[1:] {
		selector, label, ok := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(v.Query, ")"), "label_values("), "}, ")
		require.True(t, ok, v.Query)
		require.Contains(t, []string{"job", "name"}, label)
		queried(t, series, selector+"}")
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(series)), slices.Collect(maps.Keys(shown)))
}

// Every alert finds its series in a scrape.
func TestAlerts_QueriesFindTheirSeries(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(beside, "alerts.yml"))
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	require.NoError(t, yaml.Unmarshal(text, &rules))
	series := scrape(t)
	require.Len(t, rules.Groups[0].Rules, 7)
	for _, rule := range rules.Groups[0].Rules {
		queried(t, series, rule.Expr)
	}
}

// The timeline shows the worst state of a name, as the numbers of stateTexts. The test is skipped
// without promtool.
func TestDashboard_Timeline(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	i := slices.IndexFunc(rows[1].panels, func(p panel) bool { return p.kind == timeline })
	query := strings.NewReplacer("$job", ".*", "$name", ".*").Replace(rows[1].panels[i].queries[0].expr)
	var input []map[string]string
	for state, values := range map[string]string{
		"closed": "1 0 1 0 0 0", "half_open": "0 1 0 0 0 0", "open": "0 0 1 1 0 0",
		"forced_closed": "0 0 0 1 1 0", "forced_open": "0 0 0 0 1 1",
	} {
		input = append(input, map[string]string{
			"series": `atomicbreaker_state{job="app",instance="a",name="loki",state="` + state + `"}`, "values": values,
		})
	}
	var tests []map[string]any
	for minute, want := range []int{0, 1, 2, 3, 4, 4} {
		tests = append(tests, map[string]any{
			"expr": query, "eval_time": fmt.Sprintf("%dm", minute),
			"exp_samples": []map[string]any{{"labels": `{instance="a",name="loki"}`, "value": want}},
		})
	}
	file := filepath.Join(t.TempDir(), "timeline.yml")
	story, err := yaml.Marshal(map[string]any{
		"tests": []map[string]any{{"interval": "1m", "input_series": input, "promql_expr_test": tests}},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, story, 0o600))
	said, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput()
	require.NoError(t, err, string(said))
}
