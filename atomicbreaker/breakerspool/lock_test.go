// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestOpen_LockIsALink has a link in place of the lock. What it leads to is neither changed nor
// created.
func TestOpen_LockIsALink(t *testing.T) {
	target := filepath.Join(t.TempDir(), "target")
	require.NoError(t, os.WriteFile(target, []byte("foreign"), 0o600))
	gone := filepath.Join(t.TempDir(), "gone")
	for _, name := range []string{target, gone} {
		dir := t.TempDir()
		if err := os.Symlink(name, filepath.Join(dir, "lock")); err != nil {
			t.Skip(err)
		}
		_, err := breakerspool.Open(dir)
		require.ErrorContains(t, err, "breakerspool: lock "+dir)
		assert.ErrorContains(t, err, "want a regular file")
	}
	got, err := os.ReadFile(target)
	require.NoError(t, err)
	assert.Equal(t, "foreign", string(got))
	assert.NoFileExists(t, gone)
}

// TestOpen_LockNamesTheHolder finds the name behind the first byte, which Windows locks against
// other handles, and nothing of a longer name before it.
func TestOpen_LockNamesTheHolder(t *testing.T) {
	if runtime.GOOS == "aix" || runtime.GOOS == "solaris" {
		t.Skip("the holder has no name")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "lock")
	for _, before := range []string{"", "\x00", strings.Repeat("process 1 on another host\n", 10)} {
		require.NoError(t, os.WriteFile(name, []byte(before), 0o600))
		s := openSpool(t, dir)
		_, err := breakerspool.Open(dir)
		require.ErrorIs(t, err, breakerspool.ErrInUse)
		host, _ := os.Hostname()
		want := fmt.Sprintf("process %d on %s", os.Getpid(), host)
		assert.True(t, strings.HasSuffix(err.Error(), "in use by "+want), err.Error())
		require.NoError(t, s.Close())
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Equal(t, want+"\n", string(text[1:]), "the last holder's name stays")
	}
}
