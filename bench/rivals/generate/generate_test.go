// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The committed copies match what go generate produces, and every subject lists its forms.
func TestCopies(t *testing.T) {
	adapters, err := filepath.Glob("../*/adapter.go")
	require.NoError(t, err)
	require.NotEmpty(t, adapters)
	for _, file := range adapters {
		dir := filepath.Dir(file)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		_, line, _ := strings.Cut(string(text), "//go:generate go run ../generate ")
		forms, _, _ := strings.Cut(line, "\n")
		var want []string
		for form := range strings.FieldsSeq(forms) {
			copied, err := copyOf("../atomic", filepath.Base(dir), form)
			require.NoError(t, err)
			name := filepath.Join(dir, form+"_gen.go")
			got, err := os.ReadFile(name)
			require.NoError(t, err)
			assert.Equal(t, copied, string(got), "%s: run go generate ./rivals/... in bench/", name)
			assert.Contains(t, string(text), form+"Form", "%s: its subject has no such form", file)
			want = append(want, name)
		}
		got, err := filepath.Glob(dir + "/*_gen.go")
		require.NoError(t, err)
		assert.ElementsMatch(t, want, got)
	}
}

func TestGenerate_Refuses(t *testing.T) {
	t.Chdir(t.TempDir())
	for want, err := range map[string]error{
		"GOPACKAGE":    generate("../atomic", "", []string{"do"}),
		"no form":      generate("../atomic", "x", nil),
		`form "all": `: generate("../atomic", "x", []string{"do", "all"}),
	} {
		require.ErrorContains(t, err, want)
	}
}
