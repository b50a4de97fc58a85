// SPDX-License-Identifier: Apache-2.0

//go:build !plan9

package breakerio_test

import (
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

func TestReal_PipeWithoutReader(t *testing.T) {
	r, pipe, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = pipe.Close() }()
	require.NoError(t, r.Close())
	_, err = pipe.WriteString("x")
	require.ErrorIs(t, err, syscall.EPIPE)

	b, fallback := breaker(), file(t)
	offer(t, breakerio.NewWriter(b, pipe, fallback), 10)
	require.Equal(t, atomicbreaker.Open, b.State())
	require.Equal(t, 10, lines(t, fallback))
}

// /dev/full is a disk without free space.
func TestReal_FullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here: ", err)
	}
	defer func() { _ = full.Close() }()
	b, fallback := breaker(), file(t)
	offer(t, breakerio.NewWriter(b, full, fallback), 10)
	require.Equal(t, 10, lines(t, fallback))
	w := breakerio.NewWriter(b, fallback, full)
	_, err = io.WriteString(w, "x")
	require.ErrorIs(t, err, syscall.ENOSPC, "lost and reported")
	require.Equal(t, breakerio.Stats{Lost: 1, Rejected: 1}, w.Stats())
}
