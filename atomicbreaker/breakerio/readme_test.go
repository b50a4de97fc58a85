// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The README shows lines of examples, and names the files that they are from: they are there, in that order.
func TestReadme_ShowsWhatCompiles(t *testing.T) {
	const root = "../.."
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(readme), "\n## Guard your logger\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	shown := 0
	for _, block := range strings.Split(section, "```go\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		title, code, _ := strings.Cut(block, "\n")
		name := title[strings.LastIndex(title, " ")+1:]
		example, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err, title)
		rest := string(example)
		for line := range strings.Lines(code) {
			_, after, found := strings.Cut(rest, "\n\t"+line)
			assert.True(t, found, "%s: %s", name, line)
			if found {
				rest = "\n" + after
			}
		}
		shown++
	}
	require.Equal(t, 7, shown, "slog three times, zap, zerolog, log, logrus")
}
