// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/internal/goroutines"
)

// stuck is a primary whose write hangs until it is closed and then fails, like that of a
// connection. If slow is set, Close hangs too.
type stuck struct {
	closed chan struct{}
	slow   time.Duration
	err    error
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.closed
	if s.err != nil {
		return 0, s.err
	}
	return len(p), nil
}

func (s *stuck) Close() error {
	close(s.closed)
	time.Sleep(s.slow)
	return nil
}

// When Shutdown's context ends, the waiting batches and then the batch in flight go to the fallback
// before it is closed. They go there once, whether or not the write in flight fails in the end.
func TestBatcher_ShutdownOfAHungSink(t *testing.T) {
	for name, err := range map[string]error{"fails in the end": errDown, "takes it in the end": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink, fallback, lost := &stuck{closed: make(chan struct{}), err: err}, &pages{}, 0
				w := breakerio.NewWriter(breaker(), sink, fallback, breakerio.WithOnLost(func([]byte, error) { lost++ }))
				b := breakerio.NewBatcher(w, breakerio.WithBatchBytes(4))
				say(t, b, "1", "2", "3", "4", "5")
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				began := time.Now()
				synced := make(chan error, 1)
				go func() { synced <- b.Sync() }()
				synctest.Wait()
				err := b.Shutdown(ctx)
				require.EqualError(t, err, `breakerio: batcher of "sink": shutdown: context deadline exceeded`)
				require.Equal(t, 3*time.Second, time.Since(began))
				require.NoError(t, <-synced, "everything is settled")
				require.Equal(t, 3*time.Second, time.Since(began))
				synctest.Wait()
				require.Equal(t, []string{"3\n4\n", "5\n", "1\n2\n"}, fallback.all())
				require.Equal(t, 1, fallback.closed)
				require.Zero(t, lost)
				require.Equal(t, breakerio.Stats{Fallback: 3, Busy: 3, Late: 1}, w.Stats())
				require.Equal(t, breakerio.BatchStats{Records: 5, Batches: 3}, b.Stats())
				require.Zero(t, goroutines.Count("breakerio.(*Batcher)."))
			})
		})
	}
}

// A torn fallback gets a copy of the batch in flight with a newline in front. It also gets it only
// once.
func TestBatcher_ShutdownWithATornFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		var fallback bytes.Buffer
		cut := true
		w := breakerio.NewWriter(breaker(), sinkFunc(func([]byte) (int, error) {
			<-answer
			return 0, errDown
		}), sinkFunc(func(p []byte) (int, error) {
			if cut {
				cut = false
				n, _ := fallback.Write(p[:3])
				return n, io.ErrShortWrite
			}
			return fallback.Write(p)
		}), breakerio.WithOnLost(func([]byte, error) {}))
		b := breakerio.NewBatcher(w)
		say(t, b, "first\n")
		go func() { answer <- struct{}{} }()
		require.ErrorIs(t, b.Sync(), io.ErrShortWrite)
		say(t, b, "second\n")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, b.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, "fir\nsecond\n", fallback.String())
		close(answer)
		synctest.Wait()
		require.Equal(t, "fir\nsecond\n", fallback.String())
	})
}

// A fallback that hangs delays Shutdown for a second. The Batcher and the fallback still get
// closed.
func TestBatcher_ShutdownOfAHungFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, fallback := newValve(), newValve()
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sink, fallback))
		say(t, b, "1")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		require.ErrorIs(t, b.Shutdown(ctx), context.Canceled)
		require.Equal(t, time.Second, time.Since(began))
		fallback.open()
		sink.open()
		synctest.Wait()
		require.Equal(t, "1\n", fallback.String())
	})
}

// If there is nothing to write, the context does not matter.
func TestBatcher_ShutdownOfAnIdleBatcher(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	sink := &pages{}
	b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sinkFunc(sink.Write), nil))
	require.NoError(t, b.Shutdown(ctx))
}

// A record that overflowed before Close finds the fallback open.
func TestBatcher_CloseWaitsForOverflows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var closed, early atomic.Bool
		fallback := &slowCloser{write: func() {
			time.Sleep(2 * time.Second)
			early.Store(closed.Load())
		}, close: func() { closed.Store(true) }}
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), take{}, fallback), breakerio.WithMaxBytes(1))
		go func() { _, _ = io.WriteString(b, "too large") }()
		synctest.Wait()
		require.NoError(t, b.Close())
		require.True(t, closed.Load())
		require.False(t, early.Load())
	})
}

type slowCloser struct{ write, close func() }

func (s *slowCloser) Write(p []byte) (int, error) { s.write(); return len(p), nil }
func (s *slowCloser) Close() error                { s.close(); return nil }

// A batch whose Writer is closed is reported lost, because its callers have already returned.
func TestBatcher_WriterIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost []string
		w := breakerio.NewWriter(breaker(), take{}, &pages{}, breakerio.WithOnLost(func(p []byte, err error) {
			lost = append(lost, fmt.Sprintf("%s%v", p, err))
		}))
		b := breakerio.NewBatcher(w)
		say(t, b, "1", "2")
		require.NoError(t, w.Close())
		require.ErrorIs(t, b.Sync(), fs.ErrClosed)
		require.Equal(t, []string{"1\n2\nbreakerio: \"sink\": primary: file already closed; fallback: file already closed"}, lost)
		require.Equal(t, breakerio.Stats{Lost: 1, Failed: 1}, w.Stats())
		_, _ = b.Write([]byte("3"))
		require.ErrorIs(t, b.Close(), fs.ErrClosed)
		require.Len(t, lost, 2)
	})
}

// Each Shutdown waits for the first one and returns its result.
func TestBatcher_ShutdownTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newValve()
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sink, nil))
		say(t, b, "1")
		first := make(chan error, 1)
		go func() { first <- b.Close() }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, b.Shutdown(ctx), context.DeadlineExceeded)
		sink.open()
		require.NoError(t, b.Close())
		require.NoError(t, <-first)
	})
}

// A Batcher that becomes unreachable writes its records and leaves no goroutine and no memory
// behind.
func TestBatcher_Dropped(t *testing.T) {
	collected, written := make(chan struct{}), make(chan string, 1)
	func() {
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sinkFunc(func(p []byte) (int, error) {
			written <- string(p)
			return len(p), nil
		}), nil), breakerio.WithFlushInterval(time.Millisecond))
		runtime.AddCleanup(b, func(struct{}) { close(collected) }, struct{}{})
		say(t, b, "record")
	}()
	require.Equal(t, "record\n", <-written)
	for {
		runtime.GC()
		select {
		case <-collected:
			return
		default:
			runtime.Gosched()
		}
	}
}
