// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The committed copies must match what go generate produces.
func TestCopies(t *testing.T) {
	files, err := generate("..")
	require.NoError(t, err)
	for name, want := range files {
		got, err := os.ReadFile("../" + name)
		require.NoError(t, err)
		assert.Equal(t, want, string(got), "%s: run go generate in bench/rivals", name)
	}
}
