// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inModule writes a module with the given test file and returns its directory.
func inModule(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example\n\ngo 1.25\n",
		"x_test.go": "package example\n\nimport \"testing\"\n\n" + source,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestRun(t *testing.T) {
	dir := inModule(t, "func BenchmarkA(b *testing.B) {}\n\nfunc BenchmarkB(b *testing.B) {}\n")
	results := filepath.Join(dir, "results", "x.txt")
	var progress strings.Builder
	require.NoError(t, plan{2, ".", "1x", results, dir}.run(t.Context(), &progress))
	text, err := os.ReadFile(results)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), "commit: unknown\ntoolchain: go"), "%s", text)
	assert.Equal(t, 1, strings.Count(string(text), "goos: "), "the machine is named once")
	assert.Contains(t, string(text), "command: make bench COUNT=2 BENCH=. BENCHTIME=1x\n")
	for _, name := range []string{"BenchmarkA", "BenchmarkB"} {
		assert.Equal(t, 2, strings.Count(string(text), "\n"+name), "%s", text)
	}
	assert.Contains(t, progress.String(), "round 2 of 2, benchmark 2 of 2")
}

// A run that fails leaves the previous results.
func TestRun_Fails(t *testing.T) {
	for source, want := range map[string]string{
		"func BenchmarkA(b *testing.B) { b.Fatal(`broken`) }\n": "benchmarks: exit status",
		"func TestA(*testing.T) {}\n":                           "no benchmark matches",
		"no Go\n":                                               "build: exit status",
	} {
		dir := inModule(t, source)
		results := filepath.Join(dir, "x.txt")
		require.NoError(t, os.WriteFile(results, []byte("old"), 0o600))
		err := plan{1, ".", "1x", results, dir}.run(t.Context(), io.Discard)
		require.ErrorContains(t, err, want)
		text, err := os.ReadFile(results)
		require.NoError(t, err)
		assert.Equal(t, "old", string(text))
		require.NoFileExists(t, results+".partial")
	}
	for want, p := range map[string]plan{
		"-count 0: want at least 1": {count: 0},
		"-bench: ":                  {1, "(", "1x", "", ""},
		`-benchtime "foo": want`:    {1, ".", "foo", "", ""},
	} {
		require.ErrorContains(t, p.run(t.Context(), io.Discard), want)
	}
}

func TestLeft(t *testing.T) {
	assert.Equal(t, "unknown", left(time.Minute, 0, 10, 5, 0), "in the first round")
	assert.Equal(t, "1m30s", left(30*time.Second, 1, 4, 0, 20))
	assert.Equal(t, "10s", left(30*time.Second, 2, 4, 20, 20))
	assert.Equal(t, "0s", left(30*time.Second, 3, 4, 20, 20))
}
