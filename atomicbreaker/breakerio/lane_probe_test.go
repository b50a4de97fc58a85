// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type funcSink func(p []byte) (int, error)

func (f funcSink) Write(p []byte) (int, error) { return f(p) }

// outcome holds the arguments of a probe's done.
type outcome struct {
	n   int
	err error
}

// A probe does not wait, writes a copy, and reports on a separate goroutine, so that the slot is
// free.
func TestLaneProbe_Answered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got string
		lane := NewLane(funcSink(func(p []byte) (int, error) {
			time.Sleep(10 * time.Millisecond)
			got += string(p)
			return len(p), nil
		}), time.Second)
		p := []byte("probe\n")
		began := time.Now()
		reported := make(chan outcome)
		require.True(t, lane.probe(p, func(n int, err error) {
			_, freed := lane.Write([]byte("done\n"))
			assert.NoError(t, freed, "the slot is free while the outcome is reported")
			reported <- outcome{n, err}
		}))
		require.Zero(t, time.Since(began))
		copy(p, "xxxxx\n")
		require.False(t, lane.probe(p, func(int, error) { t.Error("this probe did not start") }), "no slot is free")
		require.Equal(t, outcome{6, nil}, <-reported)
		require.Equal(t, "probe\ndone\n", got)
		time.Sleep(time.Minute)
		require.Zero(t, lane.Late())
		require.NoError(t, lane.Close())
		require.False(t, lane.probe(p, func(int, error) { t.Error("this probe did not start") }), "closed")
	})
}

// A probe that hangs is like a write that hangs: it returns ErrHung or ErrBusy, and its answer is
// late.
func TestLaneProbe_Hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		lane := NewLane(funcSink(func(p []byte) (int, error) { <-answer; return len(p), nil }), time.Second)
		reported := make(chan outcome, 1)
		report := func(n int, err error) { reported <- outcome{n, err} }
		began := time.Now()
		require.True(t, lane.probe([]byte("x"), report))
		require.Equal(t, outcome{0, lane.lane.hung}, <-reported)
		require.Equal(t, time.Second, time.Since(began))

		require.False(t, lane.probe([]byte("x"), report), "ErrHung was already returned in this timeout")
		time.Sleep(time.Second)
		require.True(t, lane.probe([]byte("x"), report))
		require.Equal(t, outcome{0, lane.lane.hung}, <-reported)
		require.Equal(t, 2*time.Second, time.Since(began), "at once")
		_, err := io.WriteString(lane, "x")
		require.ErrorIs(t, err, ErrBusy)

		close(answer)
		synctest.Wait()
		require.Equal(t, uint64(1), lane.Late())
		require.Empty(t, reported)
		require.NoError(t, lane.Close())
	})
}

// Whatever the sink does, done is called once and the lane keeps working.
func TestLaneProbe_Fails(t *testing.T) {
	errSink := errors.New("down")
	synctest.Test(t, func(t *testing.T) {
		var do func(p []byte) (int, error)
		var file string
		lane := NewLane(funcSink(func(p []byte) (int, error) { return do(p) }), time.Second)
		probe := func() outcome {
			reported := make(chan outcome)
			require.True(t, lane.probe([]byte("probe\n"), func(n int, err error) { reported <- outcome{n, err} }))
			return <-reported
		}
		do = func([]byte) (int, error) { panic("broken") }
		require.ErrorContains(t, probe().err, "panicked: broken")
		do = func([]byte) (int, error) { runtime.Goexit(); return 0, nil }
		require.ErrorIs(t, probe().err, errGoexit)
		do = func(p []byte) (int, error) { file += string(p[:3]); return 3, errSink }
		require.Equal(t, outcome{3, errSink}, probe())
		do = func(p []byte) (int, error) { file += string(p); return len(p), nil }
		n, err := io.WriteString(lane, "next\n")
		require.NoError(t, err)
		require.Equal(t, 5, n)
		require.Equal(t, "pro\nnext\n", file, "the lane repairs the line of a probe")
		require.NoError(t, lane.Close())
	})
}

// Close waits for a probe as it does for any other write.
func TestLaneProbe_Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := NewLane(funcSink(func(p []byte) (int, error) { time.Sleep(time.Minute); return len(p), nil }), time.Second)
		reported := make(chan outcome, 1)
		require.True(t, lane.probe([]byte("x"), func(n int, err error) { reported <- outcome{n, err} }))
		require.ErrorIs(t, lane.Close(), ErrHung)
		require.Equal(t, outcome{0, lane.lane.hung}, <-reported)
		time.Sleep(time.Minute)
		require.Equal(t, uint64(1), lane.Late())
	})
}
