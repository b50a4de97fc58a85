// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
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
		"x_test.go": "package example\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nvar _ = os.MkdirTemp\n\n" + source,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestRun(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	dir := inModule(t, "func BenchmarkA(b *testing.B) { os.MkdirTemp(``, ``) }\n\nfunc BenchmarkB(b *testing.B) {}\n")
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
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left, "the benchmarks left files behind")
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
}

func TestParse(t *testing.T) {
	p, err := parse(nil)
	require.NoError(t, err)
	assert.Equal(t, plan{10, ".", "40ms", "results/latest.txt", "."}, p)
	p, err = parse([]string{"-count", "2", "-bench", "A", "-benchtime", "100x", "-o", "x", "-C", "y"})
	require.NoError(t, err)
	assert.Equal(t, plan{2, "A", "100x", "x", "y"}, p)
	_, err = parse([]string{"-h"})
	require.ErrorIs(t, err, flag.ErrHelp)
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-count", "0"}, "-count 0: want 1 or more"},
		{[]string{"-count", "x"}, `"x" for flag -count`},
		{[]string{"-bench", "("}, `-bench "(": `},
		{[]string{"-benchtime", "foo"}, `-benchtime "foo": want`},
		{[]string{"-benchtime", "0s"}, `-benchtime "0s": want`},
		{[]string{"-benchtime", "-1s"}, `-benchtime "-1s": want`},
		{[]string{"-benchtime", "0x"}, `-benchtime "0x": want`},
		{[]string{"-benchtime", "1000000000x"}, `-benchtime "1000000000x": want`},
		{[]string{"-o", dir}, "want a file"},
		{[]string{"-fast"}, "-fast"},
		{[]string{"all"}, `unexpected argument "all"`},
	} {
		_, err := parse(c.args)
		require.ErrorContains(t, err, c.want)
		assert.NotContains(t, err.Error(), "\n", "one line")
	}
}

func TestLeft(t *testing.T) {
	assert.Equal(t, "unknown", left(time.Minute, 0, 10, 5, 0), "in the first round")
	assert.Equal(t, "1m30s", left(30*time.Second, 1, 4, 0, 20))
	assert.Equal(t, "10s", left(30*time.Second, 2, 4, 20, 20))
	assert.Equal(t, "0s", left(30*time.Second, 3, 4, 20, 20))
}
