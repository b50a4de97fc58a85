// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDirectoriesAbove looks for a directory that exists. The root may be missing too, as a drive
// or a share of Windows.
func TestDirectoriesAbove(t *testing.T) {
	root := filepath.Dir(string(filepath.Separator))
	a := filepath.Join(root, "a")
	b := filepath.Join(a, "b")
	dir := filepath.Join(b, "spool")
	for _, c := range []struct {
		there string
		want  []string
	}{
		{b, []string{b}},
		{root, []string{b, a, root}},
		{"nothing", []string{b, a, root}},
	} {
		asked := 0
		assert.Equal(t, c.want, directoriesAbove(dir, func(name string) bool {
			asked++
			require.LessOrEqual(t, asked, 3, "nothing is above the root")
			return name == c.there
		}))
	}
}
