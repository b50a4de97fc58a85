// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestScratch(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	for range 2 {
		one, err := Scratch()
		require.NoError(t, err)
		other, err := Scratch()
		require.NoError(t, err)
		assert.NotEqual(t, one, other)
		require.NoError(t, os.WriteFile(filepath.Join(one, "file"), nil, 0o600))
		require.NoError(t, RemoveScratch())
		assert.NoDirExists(t, one)
		assert.NoDirExists(t, other)
	}
	require.NoError(t, RemoveScratch())
}
