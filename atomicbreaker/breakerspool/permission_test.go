// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"io/fs"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestOpen_Permissions has a file of each kind. Only the owner may read them. A umask that takes
// these permissions from others anyway would hide a fault.
func TestOpen_Permissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	synctest.Test(t, func(t *testing.T) {
		top := filepath.Join(t.TempDir(), "new")
		s := openSpool(t, filepath.Join(top, "spool"))
		write(t, s, "good\n", "bad\n", "worse\n")
		sink := refuses(errMalformed, "bad")
		does := sink.does
		sink.does = func(p []byte) (int, error) {
			if string(p) == "worse\n" {
				return 0, errDown
			}
			return does(p)
		}
		stop := replay(t, s, newBreaker(), sink, breakerspool.WithRecordErrors(isMalformed))
		synctest.Wait()
		stop()
		suffixes := make(map[string]int)
		require.NoError(t, filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			want := fs.FileMode(0o600)
			if d.IsDir() {
				want = 0o700
			}
			suffixes[filepath.Ext(name)]++
			assert.Equal(t, want, info.Mode().Perm(), name)
			return nil
		}))
		// new, spool, rejected and lock; one segment in the spool and one in rejected
		assert.Equal(t, map[string]int{"": 4, ".seg": 2, ".ack": 1}, suffixes)
	})
}
