// SPDX-License-Identifier: Apache-2.0

package breakerprom_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerprom"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// promtool runs promtool in a directory and returns its output. The test is skipped without it.
func promtool(t *testing.T, dir, input string, args ...string) (output string, err error) {
	t.Helper()
	program, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	command := exec.CommandContext(t.Context(), program, args...)
	command.Dir = dir
	command.Stdin = strings.NewReader(input)
	said, err := command.CombinedOutput()
	return string(said), err
}

// A scrape of every metric over HTTP has no problem that promtool knows.
func TestPromtool_CheckMetrics(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki \xff \"quoted\"\n")
	for _, part := range []any{&writer{breakerio.Stats{Lost: 1}}, &batcher{}, &spool{full}} {
		require.NoError(t, r.Attach(b, part))
	}
	breakers.NewGroup[int](r, 1, nil).Get(1).ForceOpen()
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(breakerprom.NewCollector(r))
	response := httptest.NewRecorder()
	promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}).ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, response.Code)
	said, err := promtool(t, ".", response.Body.String(), "check", "metrics")
	require.NoError(t, err, said)
	require.Empty(t, said)
	runtime.KeepAlive(b)
}

var stories = []string{"alerts_test.yml", "alerts_hours_test.yml"}

func TestPromtool_TestRules(t *testing.T) {
	said, err := promtool(t, ".", "", append([]string{"test", "rules", "alerts_day_test.yml"}, stories...)...)
	require.NoError(t, err, said)
}

// The stories notice each change of a rule. Many runs in one process look once, because it takes
// some seconds.
func TestPromtool_TestRulesNoticeEachChange(t *testing.T) {
	noticed.Do(func() { noticeEachChange(t) })
}

var noticed sync.Once

func noticeEachChange(t *testing.T) {
	t.Helper()
	rules, err := os.ReadFile("alerts.yml")
	require.NoError(t, err)
	for _, change := range [][2]string{
		{`increase(atomicbreaker_lost_total[5m]) > 0`, `vector(0) > 0`},
		{`or (atomicbreaker_lost_total > 0 unless atomicbreaker_lost_total offset 5m)`, ``},
		{`unless atomicbreaker_lost_total offset 5m`, ``},
		{`increase(atomicbreaker_spool_dropped_total[5m]) > 0`, `vector(0) > 0`},
		{`or (atomicbreaker_spool_dropped_total > 0 unless atomicbreaker_spool_dropped_total offset 5m)`, ``},
		{`atomicbreaker_state{state=~"open|half_open"}`, `atomicbreaker_state{state="open"}`},
		{`sum without (state) (atomicbreaker_state{state=~"open`, `(atomicbreaker_state{state=~"open`},
		{`for: 2m`, `for: 1m`},
		{`{from="closed",to="open"}[15m]`, `{to="open"}[15m]`},
		{`{from="closed",to="open"}[15m]`, `{from!="open",to="open"}[15m]`},
		{`>= 5`, `> 4`},
		{`>= 5`, `>= 6`},
		{`forced_open|forced_closed`, `forced_open`},
		{`for: 1h`, `for: 50m`},
		{`> 900`, `> 0`},
		{`and delta(atomicbreaker_spool_size_bytes[15m]) > 0`, ``},
		{`atomicbreaker_group_breakers{state=~"open|half_open"}`, `atomicbreaker_group_breakers{state="open"}`},
		{`> 0.5 *`, `> 0.05 *`},
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			changed := strings.Replace(string(rules), change[0], change[1], 1)
			require.NotEqual(t, string(rules), changed, "alerts.yml has no %s", change[0])
			require.NoError(t, os.WriteFile(filepath.Join(dir, "alerts.yml"), []byte(changed), 0o600))
			for _, name := range stories {
				story, err := os.ReadFile(name)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), story, 0o600))
			}
			said, err := promtool(t, dir, "", append([]string{"test", "rules"}, stories...)...)
			require.Error(t, err, "%s instead of %s", change[1], change[0])
			require.Contains(t, said, "exp:", "the changed rule is still a rule")
		})
	}
}
