// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals"
)

// The pages must match the raw data: no number is typed by hand, and no result is committed without
// its pages.
func TestPagesMatchTheRawData(t *testing.T) {
	const root = "../.."
	files, err := generate(root)
	require.NoError(t, err)
	require.Len(t, files, 2+len(plots))
	for name, want := range files {
		if strings.HasSuffix(name, ".svg") && runtime.GOARCH != "amd64" {
			continue // others fuse multiplications, and round coordinates otherwise
		}
		got, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		assert.True(t, want == string(got), "%s: run make report", name)
	}
}

const sample = `commit: 0123456
cores: 2
toolchain: go1.26
command: make bench
goos: linux
goarch: amd64
pkg: example
cpu: Some CPU
BenchmarkHealthy/impl=atomic/call=pair/g=1-2 100 0.5 ns/op 0 B/op 0 allocs/op
BenchmarkHealthy/impl=atomic/call=pair/g=1-2 100 0.6 ns/op 0 B/op 0 allocs/op
BenchmarkFlaky/impl=mutex/fails=0.1%/call=do/g=2-2 100 1234 ns/op 16 B/op 1 allocs/op
BenchmarkFlaky/impl=mutex/fails=0.1%/call=do/g=2-2 100 1234 ns/op 16 B/op 1 allocs/op
BenchmarkFleet/impl=atomic/breakers=1000-2 1 344.25 closed-B/breaker 500 open-B/breaker
BenchmarkFleet/impl=atomic/breakers=1000-2 1 344.25 closed-B/breaker 500 open-B/breaker
`

func readSample(t *testing.T) *data {
	t.Helper()
	d, err := read(strings.NewReader(sample), "sample")
	require.NoError(t, err)
	return d
}

func TestRead(t *testing.T) {
	d := readSample(t)
	assert.Equal(t, 2, d.runs)
	v := d.get("Healthy/impl=atomic/call=pair/g=1", "ns/op")
	want := value{center: 0.55, low: 0.5, high: 0.6}
	assert.Equal(t, want, v, "two samples make no interval: the extremes")
	assert.Equal(t, "0.55 ±9%", v.String())
	assert.Equal(t, "1,234", d.get("Flaky/impl=mutex/fails=0.1%/call=do/g=2", "ns/op").String())
	assert.Equal(t, "344", d.get("Fleet/impl=atomic/breakers=1000", "closed-B/breaker").String())
	assert.True(t, d.get("Healthy/impl=none/call=pair/g=1", "ns/op").no)
	assert.Equal(t, "2 cores of Some CPU, go1.26 linux/amd64", machine(d))
}

// Incomplete pages that look complete would be believed.
func TestRead_Refuses(t *testing.T) {
	line := "BenchmarkHealthy/impl=atomic/call=pair/g=1-2 100 0.5 ns/op 0 B/op 0 allocs/op\n"
	for want, text := range map[string]string{
		"no results":      "commit: 0123456\n",
		"no header":       line,
		"cut off":         sample + line,
		"0 ns/op":         strings.ReplaceAll(sample, "0.5 ns/op", "0 ns/op"),
		"two runs in one": sample + strings.ReplaceAll(sample, "0123456", "6543210"),
		"sample:":         sample + "BenchmarkHealthy/impl=atomic/call=pair/g=1-2 100 0.\n",
	} {
		_, err := read(strings.NewReader(text), "sample")
		require.ErrorContains(t, err, want)
	}
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(latest)), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(root, latest), []byte(sample), 0o600))
	_, err := readAll(root)
	require.ErrorContains(t, err, "want all benchmarks")
}

func TestGet_Interval(t *testing.T) {
	lines := "commit: 0123456\ncores: 2\ntoolchain: go1.26\ncommand: make bench\n"
	for ns := range strings.FieldsSeq("90 100 100 100 100 101 101 101 102 900") {
		lines += "BenchmarkX/impl=a 1 " + ns + " ns/op\n"
	}
	d, err := read(strings.NewReader(lines), "sample")
	require.NoError(t, err)
	v := d.get("X/impl=a", "ns/op")
	assert.InDelta(t, 100.5, v.center, 1e-9)
	assert.InDelta(t, 100, v.low, 1e-9, "the lowest and the highest sample are outside")
	assert.InDelta(t, 102, v.high, 1e-9)
}

func TestDigits(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 0.00012: "0.0001", 0.5512: "0.551",
		12.34: "12.3", 123.4: "123", 1234567: "1,234,567",
	} {
		assert.Equal(t, want, digits(x))
	}
}

func TestMarkdown(t *testing.T) {
	columns := []column{
		{"pair", "Healthy/impl=%s/call=pair/g=1", "ns/op"},
		{"flaky", "Flaky/impl=%s/fails=0.1%/call=do/g=2", "ns/op"},
	}
	want := "| | pair | flaky |\n" +
		"|---|--:|--:|\n" +
		"| **atomicbreaker** | 0.55 ±9% |  |\n" +
		"| the same behind a Mutex |  | 1,234 |\n"
	assert.Equal(t, want, table{columns: columns}.markdown(readSample(t), impls()))
	assert.Empty(t, table{columns: columns}.markdown(readSample(t), []string{"handy"}))
}

func TestBetween(t *testing.T) {
	page := "before\n" + begin + "\nold\n" + end + "\nafter\n"
	got, err := between(page, "new\n")
	require.NoError(t, err)
	assert.Equal(t, "before\n"+begin+"\n\nnew\n\n"+end+"\nafter\n", got)
	again, err := between(got, "new\n")
	require.NoError(t, err)
	assert.Equal(t, got, again)
	for _, bad := range []string{"", begin, end, end + begin} {
		_, err := between(bad, "new")
		require.Error(t, err, "%q", bad)
	}
}

// A plot would draw an implementation without a color in none.
func TestColors(t *testing.T) {
	for _, library := range rivals.Libraries {
		assert.NotZero(t, colors[library.Name].A, "%s: add a color to style.go", library.Name)
	}
}

// The README links to BENCHMARKS.md for more than its table shows, not for something else.
func TestHeadline_IsInTheTables(t *testing.T) {
	known := map[string]bool{}
	for _, table := range tables() {
		for _, c := range table.columns {
			known[c.pattern+" "+c.unit] = true
		}
	}
	for _, c := range headline.columns {
		assert.True(t, known[c.pattern+" "+c.unit], "%s is in no table", c.title)
	}
}

// Every measured implementation must appear in a table or plot.
func TestTables_KnowEveryBenchmark(t *testing.T) {
	d, err := readAll("../..")
	require.NoError(t, err)
	known := map[string]bool{}
	for _, table := range tables() {
		for _, c := range table.columns {
			for _, impl := range impls() {
				known[c.name(impl)] = true
			}
		}
	}
	for k := range d.samples {
		if !strings.HasPrefix(k.name, "Design/") { // those of CONCURRENCY.md
			assert.True(t, known[k.name], "%s is in no table", k.name)
		}
	}
}

func TestParse(t *testing.T) {
	root, err := parse(nil)
	require.NoError(t, err)
	assert.Equal(t, "..", root)
	root, err = parse([]string{"-C", "x"})
	require.NoError(t, err)
	assert.Equal(t, "x", root)
	_, err = parse([]string{"-h"})
	require.ErrorIs(t, err, flag.ErrHelp)
	for _, bad := range [][]string{{"all"}, {"-C"}, {"-c", "x"}} {
		_, err := parse(bad)
		require.Error(t, err, "%q", bad)
		assert.NotContains(t, err.Error(), "\n", "one line")
	}
}
