// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// fakeConn is a connection whose Write does what the test sets.
type fakeConn struct {
	write    func(p []byte) (int, error)
	deadline func(time.Time) error

	mu     sync.Mutex
	taken  bytes.Buffer
	closes int
	closed chan struct{}
}

func newFakeConn() *fakeConn { return &fakeConn{closed: make(chan struct{})} }

func (c *fakeConn) Write(p []byte) (int, error) {
	if c.write != nil {
		return c.write(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken.Write(p)
}

func (c *fakeConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closes++; c.closes == 1 {
		close(c.closed)
	}
	return nil
}

func (c *fakeConn) SetWriteDeadline(t time.Time) error { return c.deadline(t) }

// dialer returns the given connections one after another.
type dialer struct {
	mu    sync.Mutex
	conns []*fakeConn
	dials int
}

func (d *dialer) open(context.Context) (io.WriteCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dials++
	if len(d.conns) == 0 {
		return nil, errDown
	}
	c := d.conns[0]
	d.conns = d.conns[1:]
	return c, nil
}

// A connection that fails in any way is closed once and forgotten, and the write is not repeated.
func TestReopener_OpensAnewAfterAnyError(t *testing.T) {
	for name, c := range map[string]struct {
		write func(p []byte) (int, error)
		n     int
		err   error
	}{
		"error":         {func([]byte) (int, error) { return 0, errDown }, 0, errDown},
		"torn":          {func([]byte) (int, error) { return 3, errDown }, 3, errDown},
		"short":         {func([]byte) (int, error) { return 3, nil }, 3, io.ErrShortWrite},
		"whole, failed": {func(p []byte) (int, error) { return len(p), errDown }, 7, errDown},
	} {
		t.Run(name, func(t *testing.T) {
			good, bad := newFakeConn(), newFakeConn()
			bad.write = c.write
			d := &dialer{conns: []*fakeConn{bad, good}}
			r := breakerio.NewReopener(d.open)
			require.Zero(t, d.dials, "it opens at the first write")
			n, err := io.WriteString(r, "record\n")
			require.Equal(t, c.n, n)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, []int{1, 1, 0}, []int{d.dials, bad.closes, good.taken.Len()})
			for range 2 {
				_, err = io.WriteString(r, "record\n")
				require.NoError(t, err)
			}
			require.Equal(t, "record\nrecord\n", good.taken.String())
			require.NoError(t, r.Close())
			require.Equal(t, []int{2, 1, 1}, []int{d.dials, bad.closes, good.closes})
			_, err = io.WriteString(r, "record\n")
			require.ErrorIs(t, err, fs.ErrClosed)
			require.Equal(t, 2, d.dials, "it does not open after Close")
			require.ErrorIs(t, r.Close(), fs.ErrClosed)
		})
	}
}

// Writes that wait while another write ends its connection use the next connection. They do not get
// the error.
func TestReopener_ManyWriters(t *testing.T) {
	var failed, refused atomic.Int64
	r := breakerio.NewReopener(func(context.Context) (io.WriteCloser, error) {
		c := newFakeConn()
		writes := 0
		c.write = func(p []byte) (int, error) {
			if writes++; writes == 3 {
				failed.Add(1)
				return 0, errDown
			}
			return len(p), nil
		}
		return c, nil
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if _, err := io.WriteString(r, "x"); err != nil {
					refused.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, int64(8000/3), failed.Load())
	require.Equal(t, failed.Load(), refused.Load())
}

func TestReopener_PanicAndGoexit(t *testing.T) {
	panics, exits, good := newFakeConn(), newFakeConn(), newFakeConn()
	panics.write = func([]byte) (int, error) { panic("broken") }
	exits.write = func([]byte) (int, error) { runtime.Goexit(); return 0, nil }
	r := breakerio.NewReopener((&dialer{conns: []*fakeConn{panics, exits, good}}).open)
	require.PanicsWithValue(t, "broken", func() { _, _ = io.WriteString(r, "x") })
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.WriteString(r, "x") })
	wg.Wait()
	_, err := io.WriteString(r, "x")
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 0}, []int{panics.closes, exits.closes, good.closes})
}

func TestReopener_OpenFails(t *testing.T) {
	d := &dialer{}
	r := breakerio.NewReopener(d.open)
	for i := range 3 {
		n, err := io.WriteString(r, "x")
		require.Zero(t, n)
		require.ErrorIs(t, err, errDown)
		require.Equal(t, i+1, d.dials)
	}
	require.NoError(t, r.Close())
	r = breakerio.NewReopener(func(context.Context) (io.WriteCloser, error) { return nil, nil }) //nolint:nilnil // open must not do this
	_, err := io.WriteString(r, "x")
	require.ErrorContains(t, err, "no connection")
	require.Panics(t, func() { breakerio.NewReopener(nil) })
}

// If the first connection never answers, the lane aborts the dial, and the next write dials again.
func TestReopener_HungDialUnderALane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := newFakeConn()
		dials := 0
		r := breakerio.NewReopener(func(ctx context.Context) (io.WriteCloser, error) {
			if dials++; dials == 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return good, nil
		})
		lane := breakerio.NewLane(r, 100*time.Millisecond, breakerio.WithCloseOnHang())
		b := breaker(atomicbreaker.WithFailureThreshold(1))
		fallback := &journal{}
		w := guardLane(b, lane, fallback)
		_, err := io.WriteString(w, "one\n")
		require.NoError(t, err)
		require.Equal(t, atomicbreaker.Open, b.State())
		require.Equal(t, 1, fallback.having("one"))
		time.Sleep(time.Second)
		synctest.Wait()
		_, err = io.WriteString(w, "two\n")
		require.NoError(t, err)
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Equal(t, "two\n", good.taken.String())
		require.Equal(t, 2, dials)
		require.NoError(t, lane.Close())
		require.Equal(t, 1, good.closes)
	})
}

// A stuck connection, even one that Close does not unblock, blocks neither Abort nor later writes.
func TestReopener_AbortDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, second, third := newFakeConn(), newFakeConn(), newFakeConn()
		free := make(chan struct{})
		stuck.write = func([]byte) (int, error) { <-free; return 0, errDown }
		d := &dialer{conns: []*fakeConn{stuck, second, third}}
		r := breakerio.NewReopener(d.open)
		r.Abort() // nothing to abort yet
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := io.WriteString(r, "one\n")
			assert.ErrorIs(t, err, errDown)
		})
		synctest.Wait()
		for range 3 {
			wg.Go(func() {
				_, err := io.WriteString(r, "waits\n")
				assert.NoError(t, err)
			})
		}
		synctest.Wait()
		require.Zero(t, second.taken.Len(), "one write at a time")
		r.Abort()
		synctest.Wait()
		require.Equal(t, "waits\nwaits\nwaits\n", second.taken.String())
		close(free)
		wg.Wait()
		_, err := io.WriteString(r, "two\n")
		require.NoError(t, err, "the late error ends its own connection, not the new one")
		require.Equal(t, []int{2, 1, 0}, []int{d.dials, stuck.closes, second.closes})
		r.Abort()
		_, err = io.WriteString(r, "three\n")
		require.NoError(t, err)
		require.Equal(t, "three\n", third.taken.String())
		require.NoError(t, r.Close())
	})
}

// A connection that opens after the abort is closed.
func TestReopener_AbortedDial(t *testing.T) {
	errReason := errors.New("breakerio: reopener: aborted")
	for name, c := range map[string]struct {
		end  func(*breakerio.Reopener)
		want string
	}{
		"abort": {(*breakerio.Reopener).Abort, errReason.Error()},
		"close": {func(r *breakerio.Reopener) { assert.NoError(t, r.Close()) }, fs.ErrClosed.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := newFakeConn()
				r := breakerio.NewReopener(func(ctx context.Context) (io.WriteCloser, error) {
					<-ctx.Done()
					return conn, nil
				})
				var wg sync.WaitGroup
				wg.Go(func() {
					_, err := io.WriteString(r, "x")
					assert.EqualError(t, err, c.want)
				})
				synctest.Wait()
				c.end(r)
				wg.Wait()
				require.Equal(t, []int{1, 0}, []int{conn.closes, conn.taken.Len()})
			})
		})
	}
}

func TestReopener_WriteTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newFakeConn(), newFakeConn()
		var deadlines []time.Duration
		first.deadline = func(d time.Time) error { deadlines = append(deadlines, time.Until(d)); return nil }
		first.write = func(p []byte) (int, error) {
			time.Sleep(time.Second)
			if len(deadlines) == 3 {
				return 0, os.ErrDeadlineExceeded
			}
			return len(p), nil
		}
		second.deadline = func(time.Time) error { return errDown }
		d := &dialer{conns: []*fakeConn{first, second}}
		r := breakerio.NewReopener(d.open, breakerio.WithWriteTimeout(3*time.Second))
		for range 2 {
			_, err := io.WriteString(r, "x")
			require.NoError(t, err)
		}
		_, err := io.WriteString(r, "x")
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Equal(t, []time.Duration{3 * time.Second, 3 * time.Second, 3 * time.Second}, deadlines)
		_, err = io.WriteString(r, "x")
		require.ErrorIs(t, err, errDown, "a connection that is already closed")
		require.Equal(t, []int{1, 1}, []int{first.closes, second.closes})
	})

	path := filepath.Join(t.TempDir(), "log")
	r := breakerio.NewReopener(func(context.Context) (io.WriteCloser, error) { return os.Create(path) },
		breakerio.WithWriteTimeout(time.Second))
	_, err := io.WriteString(r, "a regular file has no deadline\n")
	require.NoError(t, err)
	require.NoError(t, r.Close())
}

// A real connection that no one reads from: the deadline ends the write.
func TestReopener_RealDeadline(t *testing.T) {
	ours, peer := net.Pipe()
	defer func() { _ = peer.Close() }()
	r := breakerio.NewReopener(func(context.Context) (io.WriteCloser, error) { return ours, nil },
		breakerio.WithWriteTimeout(time.Millisecond))
	_, err := io.WriteString(r, "x")
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = ours.Write([]byte("x"))
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestReopener_NothingAllocates(t *testing.T) {
	skipUnderRace(t)
	r := breakerio.NewReopener(func(context.Context) (io.WriteCloser, error) { return nopCloser{io.Discard}, nil })
	record := []byte("record\n")
	require.Zero(t, testing.AllocsPerRun(200, func() { _, _ = r.Write(record) }))
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
