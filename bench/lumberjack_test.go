// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// Lumberjack reopens its file when it is written to after Close, and nothing closes it then. A
// Writer that is closed does not write to it.
func TestLumberjack_WriteAfterClose(t *testing.T) {
	dir := t.TempDir()
	primary := &lumberjack.Logger{Filename: filepath.Join(dir, "primary.log")}
	fallback := &lumberjack.Logger{Filename: filepath.Join(dir, "fallback.log")}
	b := atomicbreaker.MustNew("file")
	w := breakerio.NewWriter(b, primary, fallback)
	_, err := io.WriteString(w, "record\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, os.RemoveAll(primary.Filename))
	for range 10 {
		n, err := io.WriteString(w, "stray\n")
		require.Zero(t, n)
		require.ErrorIs(t, err, fs.ErrClosed)
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "a file was reopened after Close")
	require.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot())
	require.Equal(t, breakerio.Stats{}, w.Stats())

	_, err = io.WriteString(primary, "stray\n")
	require.NoError(t, err, "lumberjack did not reopen its file")
	require.NoError(t, primary.Close())
}
