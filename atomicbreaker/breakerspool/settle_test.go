// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSkip_AfterClose has Replay read a file of a spool that was closed meanwhile. The file may
// belong to another Spool, and counts no more.
func TestSkip_AfterClose(t *testing.T) {
	s, err := load(crashDir, syncConfig(SyncNever), emptyDisk())
	require.NoError(t, err)
	_, err = s.Write([]byte("record\n"))
	require.NoError(t, err)
	at, _, ok := s.next(place{})
	require.True(t, ok)
	require.NoError(t, s.Close())
	before := s.Stats()
	after, err := s.skip(at, io.ErrUnexpectedEOF)
	require.ErrorIs(t, err, fs.ErrClosed)
	assert.Equal(t, at, after)
	assert.Equal(t, before, s.Stats())
}
