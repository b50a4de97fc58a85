// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The complete programs in the README compile and log their record. (make release-check runs them
// as a user does, in modules of their own.)
func TestReadme_ProgramsRun(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	blocks := strings.Split(string(readme), "```go\n")[1:]
	blocks = slices.DeleteFunc(blocks, func(b string) bool { return !strings.HasPrefix(b, "package main\n") })
	require.Len(t, blocks, 3, "slog, zap, zerolog")
	modules := []string{"..", "../atomicbreaker/breakerzap", "../atomicbreaker/breakerzerolog"}
	for i, block := range blocks {
		program, _, ok := strings.Cut(block, "```")
		require.True(t, ok)
		main := filepath.Join(t.TempDir(), "main.go")
		require.NoError(t, os.WriteFile(main, []byte(program), 0o600))
		var stdout, stderr bytes.Buffer
		run := exec.CommandContext(t.Context(), "go", "run", main)
		run.Dir = modules[i]
		run.Stdout, run.Stderr = &stdout, &stderr
		require.NoError(t, run.Run(), "%s\n%s", program, stderr.String())
		assert.Contains(t, stdout.String(), `"item":"anvil"`)
		assert.NotContains(t, stderr.String(), "anvil", "the fallback got the record")
	}
}
