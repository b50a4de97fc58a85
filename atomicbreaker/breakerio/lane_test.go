// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/internal/goroutines"
)

// valve is a sink that hangs while it is closed off.
type valve struct {
	mu      sync.Mutex
	opened  chan struct{}
	taken   bytes.Buffer
	waiting int
	most    int
	entered int
}

func newValve() *valve { return &valve{opened: make(chan struct{})} }

func (v *valve) Write(p []byte) (int, error) {
	v.mu.Lock()
	v.waiting++
	v.entered++
	v.most = max(v.most, v.waiting)
	opened := v.opened
	v.mu.Unlock()
	<-opened
	v.mu.Lock()
	defer v.mu.Unlock()
	v.waiting--
	return v.taken.Write(p)
}

func (v *valve) open() { close(v.opened) }

// entries returns the number of writes so far.
func (v *valve) entries() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.entered
}

func (v *valve) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.taken.String()
}

// guardLane returns a Writer for which ErrBusy is an error of the record.
func guardLane(b *atomicbreaker.Breaker, lane *breakerio.Lane, fallback io.Writer) *breakerio.Writer {
	return breakerio.NewWriter(b, lane, fallback, breakerio.WithRecordErrors(func(err error) bool {
		return errors.Is(err, breakerio.ErrBusy)
	}))
}

// A hang costs all callers together one timeout and keeps one goroutine. It is over when the sink
// returns.
func TestLane_HungSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, timeout = 16, 100 * time.Millisecond
		sink := newValve()
		lane := breakerio.NewLane(sink, timeout)
		b := breaker(atomicbreaker.WithFailureThreshold(1))
		fallback := &journal{}
		w := guardLane(b, lane, fallback)
		before := goroutines.Count(goroutines.Bubble)
		began := time.Now()
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for range 5 {
					n, err := io.WriteString(w, "x")
					assert.NoError(t, err)
					assert.Equal(t, 1, n)
				}
			})
		}
		wg.Wait()
		require.Equal(t, timeout, time.Since(began))
		require.Equal(t, atomicbreaker.Open, b.State())
		require.Equal(t, callers*5, fallback.having("x"))
		require.Equal(t, 1, sink.entries())
		synctest.Wait() // the callers return
		require.Equal(t, before+1, goroutines.Count(goroutines.Bubble))

		time.Sleep(time.Second) // while the sink hangs, a probe does not wait
		synctest.Wait()
		require.True(t, b.Snapshot().ProbeDue)
		began = time.Now()
		_, err := io.WriteString(w, "y")
		require.NoError(t, err)
		require.Zero(t, time.Since(began))
		require.Zero(t, lane.Late())

		sink.open()
		synctest.Wait()
		require.Equal(t, uint64(1), lane.Late())
		time.Sleep(time.Second)
		synctest.Wait()
		_, err = io.WriteString(w, "z")
		require.NoError(t, err)
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Equal(t, "xz", sink.taken.String(), "the late write kept its own record")
		require.NoError(t, lane.Close())
		_, err = lane.Write(nil)
		require.ErrorIs(t, err, fs.ErrClosed)
		require.ErrorIs(t, lane.Close(), fs.ErrClosed)
	})
}

func TestLane_ReturnsWhatTheSinkDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		do := func([]byte) (int, error) { return 0, errDown }
		lane := breakerio.NewLane(sinkFunc(func(p []byte) (int, error) { return do(p) }), time.Second)
		_, err := io.WriteString(lane, "x")
		require.ErrorIs(t, err, errDown)
		do = func(p []byte) (int, error) { return len(p) - 1, nil }
		n, err := io.WriteString(lane, "record")
		require.NoError(t, err)
		require.Equal(t, 5, n)
		do = func([]byte) (int, error) { panic("broken") }
		require.PanicsWithValue(t, "broken", func() { _, _ = io.WriteString(lane, "x") })
		do = func([]byte) (int, error) { runtime.Goexit(); return 0, nil }
		_, err = io.WriteString(lane, "x")
		require.ErrorContains(t, err, "Goexit")
		do = func(p []byte) (int, error) { return len(p), nil }
		n, err = lane.Write(make([]byte, 1<<20)) // the lane keeps working
		require.NoError(t, err)
		require.Equal(t, 1<<20, n)
		require.NoError(t, lane.Close())
	})
}

type closer struct {
	io.Writer
	closed chan struct{}
}

func (c closer) Close() error { close(c.closed); return errDown }

// Close does not wait for a stuck write; the sink is closed when that write returns.
func TestLane_CloseWhileStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newValve()
		c := closer{sink, make(chan struct{})}
		lane := breakerio.NewLane(c, time.Second)
		_, err := io.WriteString(lane, "x")
		require.ErrorIs(t, err, breakerio.ErrHung)
		began := time.Now()
		require.ErrorIs(t, lane.Close(), breakerio.ErrHung)
		require.Zero(t, time.Since(began))
		sink.open()
		<-c.closed
		synctest.Wait()
		require.Equal(t, uint64(1), lane.Late())

		c = closer{io.Discard, make(chan struct{})}
		require.ErrorIs(t, breakerio.NewLane(c, time.Second).Close(), errDown)
		<-c.closed
	})
}

func TestNew_RefusesNonsense(t *testing.T) {
	require.Panics(t, func() { breakerio.NewLane(nil, time.Second) })
	require.Panics(t, func() { breakerio.NewLane(io.Discard, 0) })
	for _, opts := range [][]breakerio.LaneOption{
		{breakerio.WithWidth(0)},
		{breakerio.WithSyncTimeout(0)},
		{breakerio.WithCloseOnHang(), breakerio.WithWidth(2)},
		{breakerio.WithWidth(2), breakerio.WithCloseOnHang()},
	} {
		require.Panics(t, func() { breakerio.NewLane(io.Discard, time.Second, opts...) })
	}
	require.NotPanics(t, func() {
		breakerio.NewLane(io.Discard, time.Second, breakerio.WithWidth(0), breakerio.WithWidth(1), breakerio.WithCloseOnHang())
	})
	require.Panics(t, func() { breakerio.NewWriter(nil, io.Discard, nil) })
	require.Panics(t, func() { breakerio.NewWriter(breaker(), nil, nil) })
}

// Close waits until the running write times out, and returns ErrHung. The sink is closed when that
// write returns.
func TestLane_CloseWhileAWriteHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newValve()
		closed := make(chan struct{})
		lane := breakerio.NewLane(struct {
			io.Writer
			io.Closer
		}{sink, closer{closed: closed}}, time.Second)
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := lane.Write([]byte("1"))
			assert.ErrorIs(t, err, breakerio.ErrHung)
		})
		synctest.Wait()
		assert.ErrorIs(t, lane.Close(), breakerio.ErrHung)
		wg.Wait()
		_, err := lane.Write([]byte("2"))
		require.ErrorIs(t, err, fs.ErrClosed, "the lane is closed although the sink hangs")
		sink.open()
		<-closed
		_, err = lane.Write([]byte("3"))
		require.ErrorIs(t, err, fs.ErrClosed)
		require.Equal(t, "1", sink.String())
	})
}
