// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// closing is a sink whose Close waits for release, unless that is nil, and notes when it begins and
// ends.
type closing struct {
	io.Writer
	name    string
	did     chan string
	release chan struct{}
	err     error
}

func (c closing) Close() error {
	c.did <- "begin " + c.name
	if c.release != nil {
		<-c.release
	}
	c.did <- "end " + c.name
	return c.err
}

func drain(did chan string) (all []string) {
	for {
		select {
		case s := <-did:
			all = append(all, s)
		default:
			return all
		}
	}
}

// A primary whose Close hangs does not keep the fallback open.
func TestShutdown_PrimaryHangs(t *testing.T) {
	errFlush := errors.New("flush")
	for name, c := range map[string]struct {
		shutdown func(*breakerio.Writer) error
		takes    time.Duration
	}{
		"Close": {(*breakerio.Writer).Close, 5 * time.Second},
		"deadline": {func(w *breakerio.Writer) error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			return w.Shutdown(ctx)
		}, time.Second},
		"ended": {func(w *breakerio.Writer) error {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return w.Shutdown(ctx)
		}, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				did, release := make(chan string, 9), make(chan struct{})
				w := breakerio.NewWriter(breaker(), closing{io.Discard, "primary", did, release, nil},
					closing{io.Discard, "fallback", did, nil, errFlush})
				began := time.Now()
				err := c.shutdown(w)
				require.Equal(t, c.takes, time.Since(began))
				require.True(t, errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled), err)
				require.ErrorContains(t, err, `breakerio: "sink": primary still closing: `)
				require.ErrorIs(t, err, errFlush)
				require.ElementsMatch(t, []string{"begin primary", "begin fallback", "end fallback"}, drain(did))
				close(release)
				synctest.Wait()
				require.Equal(t, []string{"end primary"}, drain(did))
				require.Equal(t, errFlush.Error(), w.Close().Error(), "a later call returns the same result")
			})
		})
	}
}

// Without a deadline, the fallback waits 5 seconds for the primary, and the caller waits for both.
func TestShutdown_WithoutDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		did, release := make(chan string, 9), make(chan struct{})
		w := breakerio.NewWriter(breaker(), closing{io.Discard, "primary", did, release, nil}, closing{io.Discard, "fallback", did, nil, nil})
		result := make(chan error, 1)
		go func() { result <- w.Shutdown(context.Background()) }()
		time.Sleep(5*time.Second - 1)
		synctest.Wait()
		require.Equal(t, []string{"begin primary"}, drain(did))
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Equal(t, []string{"begin fallback", "end fallback"}, drain(did))
		close(release)
		require.NoError(t, <-result)
	})
}

// If both sides hang, the caller waits until the context ends, plus at most 200 ms.
func TestShutdown_BothHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		did, release := make(chan string, 9), make(chan struct{})
		w := breakerio.NewWriter(breaker(), closing{io.Discard, "primary", did, release, nil}, closing{io.Discard, "fallback", did, release, nil})
		began := time.Now()
		require.ErrorContains(t, w.Close(), "primary and fallback still closing")
		require.Equal(t, 5200*time.Millisecond, time.Since(began))
		close(release)
		synctest.Wait()
	})
}

type exploding struct{ io.Writer }

func (exploding) Close() error { panic("close") }
func (exploding) Sync() error  { panic("sync") }

// A panic in Close or Sync becomes an error and does not keep the fallback open.
func TestShutdown_Panics(t *testing.T) {
	did := make(chan string, 9)
	w := breakerio.NewWriter(breaker(), exploding{io.Discard}, closing{io.Discard, "fallback", did, nil, nil})
	require.ErrorContains(t, w.Sync(), "panicked: sync")
	require.ErrorContains(t, w.Close(), "panicked: close")
	require.Equal(t, []string{"begin fallback", "end fallback"}, drain(did))
}

// descriptor is a sink with a given file descriptor.
type descriptor struct {
	closing
	fd uintptr
}

func (d descriptor) Fd() uintptr { return d.fd }

// Standard output and standard error stay open.
func TestShutdown_LeavesStandardFiles(t *testing.T) {
	did := make(chan string, 9)
	for _, fd := range []uintptr{1, 2} {
		d := descriptor{closing{io.Discard, "standard", did, nil, nil}, fd}
		require.NoError(t, breakerio.NewWriter(breaker(), d, d).Close())
	}
	require.Empty(t, drain(did))
	d := descriptor{closing{io.Discard, "other", did, nil, nil}, 7}
	require.NoError(t, breakerio.NewWriter(breaker(), d, nil).Close())
	require.Len(t, drain(did), 2)

	r := breakerio.NewReopener(func(context.Context) (io.WriteCloser, error) {
		return descriptor{closing{io.Discard, "standard", did, nil, nil}, 2}, nil
	})
	_, err := io.WriteString(r, "record\n")
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Empty(t, drain(did))

	require.NoError(t, breakerio.NewWriter(breaker(), os.Stdout, os.Stderr).Close())
	_, err = os.Stderr.Stat()
	require.NoError(t, err)
	_, err = os.Stdout.Stat()
	require.NoError(t, err)
	again := os.NewFile(2, "stderr again")
	require.NoError(t, breakerio.NewWriter(breaker(), io.Discard, again).Close())
	_, err = again.Stat()
	require.NoError(t, err)
	defer keepOpen(again)

	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	require.NoError(t, breakerio.NewWriter(breaker(), file, nil).Close())
	require.ErrorIs(t, file.Close(), os.ErrClosed)
}

// standard keeps the files of keepOpen reachable, because their finalizers would close the
// descriptors.
var standard []*os.File

func keepOpen(f *os.File) { standard = append(standard, f) }

// Sync and Close flush a bufio.Writer that is the fallback.
func TestWriter_FlushesABufferedFallback(t *testing.T) {
	var file bytes.Buffer
	b := breaker()
	b.Trip()
	w := breakerio.NewWriter(b, io.Discard, bufio.NewWriter(&file))
	offer(t, w, 1)
	require.Zero(t, file.Len())
	require.NoError(t, w.Sync())
	synced := file.Len()
	require.NotZero(t, synced)
	offer(t, w, 1)
	require.NoError(t, w.Close())
	require.Equal(t, 2*synced, file.Len())
}
