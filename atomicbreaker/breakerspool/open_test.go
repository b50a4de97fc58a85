// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestOpen_RelativeName changes the working directory of the process, as a daemon does, after a
// spool was opened by a relative name.
func TestOpen_RelativeName(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, "spool")
		write(t, s, "first\n")
		t.Chdir("/")
		time.Sleep(time.Minute)
		_, err := s.Write([]byte("second\n"))
		assert.NoError(t, err)
		assert.Zero(t, s.Stats().Dropped)
		assert.Equal(t, []string{"first\n", "second\n"}, held(s))
		_ = s.Close()
	})
	again, err := breakerspool.Open(filepath.Join(dir, "spool"))
	assert.NoError(t, err)
	assert.EqualValues(t, 2, again.Stats().Records)
	_ = again.Close()
}
