// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readme returns the Go code in README.md: the complete programs, and the other blocks.
func readme(t *testing.T) (programs, parts []string) {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	for _, rest := range strings.Split(string(text), "```go\n")[1:] {
		block, _, ok := strings.Cut(rest, "```")
		require.True(t, ok)
		if strings.HasPrefix(block, "package main\n") {
			programs = append(programs, block)
		} else {
			parts = append(parts, block)
		}
	}
	return programs, parts
}

// The complete program in the README compiles and logs its record. (make release-check runs it as a
// user does, in a module of its own.)
func TestReadme_ProgramRuns(t *testing.T) {
	programs, _ := readme(t)
	require.Len(t, programs, 1, "slog")
	main := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(main, []byte(programs[0]), 0o600))
	var stdout, stderr bytes.Buffer
	run := exec.CommandContext(t.Context(), "go", "run", main)
	run.Dir = ".."
	run.Stdout, run.Stderr = &stdout, &stderr
	require.NoError(t, run.Run(), "%s\n%s", programs[0], stderr.String())
	assert.Contains(t, stdout.String(), `"item":"anvil"`)
	assert.NotContains(t, stderr.String(), "anvil", "the fallback got the record")
}

// All other lines of Go in the README are from the examples of zap, zerolog and Prometheus, which go
// test and make release-check run.
func TestReadme_PartsAreFromTheExamples(t *testing.T) {
	var examples strings.Builder
	for _, module := range []string{"breakerzap", "breakerzerolog", "breakerprom"} {
		text, err := os.ReadFile("../atomicbreaker/" + module + "/example_test.go")
		require.NoError(t, err)
		examples.Write(text)
	}
	_, parts := readme(t)
	require.NotEmpty(t, parts)
	for _, part := range parts {
		for line := range strings.Lines(part) {
			if line != "\n" && !strings.HasPrefix(line, "//") {
				assert.Contains(t, examples.String(), "\t"+line, "the line is in no example")
			}
		}
	}
}
