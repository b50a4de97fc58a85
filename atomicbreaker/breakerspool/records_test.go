// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// files returns the content of all files below a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var text []byte
			text, err = os.ReadFile(name)
			found[name] = string(text)
		}
		return err
	}))
	return found
}

// TestRecords_IsReadOnly reads a spool of several segments, of which some lines are taken.
func TestRecords_IsReadOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openSpool(t, dir, breakerspool.WithSegmentBytes(4096))
		var want []string
		for range 50 {
			want = append(want, strings.Repeat("x", 200)+"\n")
			time.Sleep(time.Second)
			write(t, s, want[len(want)-1])
		}
		write(t, s, "one\ntwo\nthree\n", "raw")
		sink := &calls{does: func(_ int, p []byte) (int, error) {
			if strings.HasPrefix(string(p), "one") {
				return 5, errDown
			}
			return len(p), nil
		}}
		b := newBreaker()
		stop := replay(t, s, b, sink)
		synctest.Wait()
		stop()
		before, stats := files(t, dir), s.Stats()
		for range 2 {
			var got []string
			for r, err := range s.Records() {
				require.NoError(t, err)
				got = append(got, string(r.Data))
				assert.True(t, r.Time.Equal(time.Now()))
			}
			assert.Equal(t, []string{"two\nthree\n", "raw"}, got, "the first line is taken")
		}
		for _, err := range s.Records() {
			require.NoError(t, err)
			break
		}
		assert.True(t, maps.Equal(before, files(t, dir)))
		assert.Equal(t, stats, s.Stats())
		write(t, s, want...)
		n := 0
		for r, err := range s.Records() {
			require.NoError(t, err)
			if n++; n > 2 {
				assert.Equal(t, want[n-3], string(r.Data))
			}
		}
		assert.Equal(t, 52, n)
	})
}
