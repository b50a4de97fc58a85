// SPDX-License-Identifier: Apache-2.0

package breakerzerolog_test

import (
	"io"
	"io/fs"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzerolog"
)

// zerolog closes its writer on Fatal. That must not close os.Stderr, which the program may still
// need.
func TestLevelWriter_LeavesStderrOpen(t *testing.T) {
	w := breakerzerolog.NewLevelWriter(breaker(time.Hour), os.Stderr, os.Stdout)
	require.NoError(t, w.Close())
	for _, f := range []*os.File{os.Stderr, os.Stdout} {
		_, err := f.Stat()
		require.NoError(t, err)
	}
	for _, level := range []zerolog.Level{zerolog.InfoLevel, zerolog.ErrorLevel} {
		_, err := w.WriteLevel(level, []byte("x\n"))
		require.ErrorIs(t, err, fs.ErrClosed)
		require.EqualError(t, err, `breakerzerolog: "sink": file already closed`)
	}
}

// A line that was torn at one level is repaired by the next record at any level.
func TestLevelWriter_RepairsAcrossLevels(t *testing.T) {
	primary, fallback := &cutting{limits: []int{3}}, &scripted{}
	w := breakerzerolog.NewLevelWriter(breaker(time.Hour), primary, fallback)
	_, err := w.WriteLevel(zerolog.InfoLevel, []byte("first\n"))
	require.NoError(t, err)
	_, err = w.WriteLevel(zerolog.ErrorLevel, []byte("second\n"))
	require.NoError(t, err)
	require.Equal(t, "fir\nsecond\n", primary.taken.String())
	require.Equal(t, "first\n", fallback.taken.String())
	require.Equal(t, uint64(1), w.Stats().Torn)
}

// The counts include records of all levels, and those that an asynchronous probe brings to both
// sides.
func TestLevelWriter_CountsLateProbesOfAllLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker(time.Second)
		b.Trip()
		w := breakerzerolog.NewLevelWriter(b, breakerio.NewLane(io.Discard, time.Second), io.Discard, breakerio.WithAsyncProbes())
		time.Sleep(time.Minute)
		_, err := w.WriteLevel(zerolog.ErrorLevel, []byte("x\n"))
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Equal(t, uint64(1), w.Stats().Late)
		require.NoError(t, w.Close())
	})
}

// cutting is a LevelWriter that takes each write up to a limit, and everything once the limits are
// used up.
type cutting struct {
	scripted
	limits []int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(c.limits) > 0 {
		p, c.limits = p[:c.limits[0]], c.limits[1:]
	}
	return c.scripted.Write(p)
}

func (c *cutting) WriteLevel(_ zerolog.Level, p []byte) (int, error) { return c.Write(p) }

func TestNewLevelWriter_RefusesAMultiLevelWriter(t *testing.T) {
	multi := zerolog.MultiLevelWriter(io.Discard, io.Discard)
	require.Panics(t, func() { breakerzerolog.NewLevelWriter(breaker(time.Hour), multi, nil) })
	require.NotPanics(t, func() { breakerzerolog.NewLevelWriter(breaker(time.Hour), io.Discard, multi) })
}
