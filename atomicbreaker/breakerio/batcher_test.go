// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
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

// pages is a sink that keeps each write separately and must not be closed twice.
type pages struct {
	mu     sync.Mutex
	got    []string
	synced int
	closed int
}

func (s *pages) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed > 0 {
		return 0, fs.ErrClosed
	}
	s.got = append(s.got, string(p))
	return len(p), nil
}

func (s *pages) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.synced++
	return nil
}

func (s *pages) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

func (s *pages) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.got...)
}

func say(t *testing.T, w io.Writer, records ...string) {
	t.Helper()
	for _, record := range records {
		n, err := io.WriteString(w, record)
		require.NoError(t, err)
		require.Equal(t, len(record), n)
	}
}

func TestBatcher_BadOptions(t *testing.T) {
	w := breakerio.NewWriter(breaker(), take{}, nil)
	require.PanicsWithValue(t, "breakerio: NewBatcher needs a Writer", func() { breakerio.NewBatcher(nil) })
	require.PanicsWithValue(t, "breakerio: NewBatcher: WithBatchBytes(0): want at least 1; "+
		"WithFlushInterval(-1s): want more than 0; WithMaxBytes(-5): want at least 1", func() {
		breakerio.NewBatcher(w, breakerio.WithBatchBytes(0), breakerio.WithFlushInterval(-time.Second), breakerio.WithMaxBytes(-5))
	})
}

// A batch is written when the next record does not fit, and immediately when it is full. Records
// stay whole and in order. A record larger than a batch is a batch.
func TestBatcher_Batches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &pages{}
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sink, nil), breakerio.WithBatchBytes(8))
		say(t, b, "abc\n", "", "de", "f\n")
		synctest.Wait()
		require.Equal(t, []string{"abc\nde\n"}, sink.all())
		require.Equal(t, breakerio.BatchStats{Records: 3, Batches: 1, Waiting: 2}, b.Stats())
		say(t, b, "hello")
		synctest.Wait()
		require.Equal(t, []string{"abc\nde\n", "f\nhello\n"}, sink.all(), "full")
		say(t, b, "i\n", "larger than a batch", "\n")
		synctest.Wait()
		require.Equal(t, []string{"i\n", "larger than a batch\n"}, sink.all()[2:])
		require.NoError(t, b.Close())
		require.Equal(t, []string{"\n"}, sink.all()[4:])
		require.Equal(t, breakerio.BatchStats{Records: 7, Batches: 5}, b.Stats())
	})
}

// The age of a batch is that of its first record, regardless of batches that were written early.
func TestBatcher_FlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &pages{}
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sink, nil), breakerio.WithBatchBytes(4))
		after := func(d time.Duration, batches int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			require.Len(t, sink.all(), batches)
		}
		say(t, b, "a\n")
		after(600*time.Millisecond, 0)
		say(t, b, "bcd\n") // "a" is written early, and so is this full batch
		after(0, 2)
		say(t, b, "e\n")
		after(time.Second-1, 2)
		after(1, 3)
		after(time.Hour, 3)
		say(t, b, "f\n")
		after(time.Second-1, 3)
		after(1, 4)
		require.NoError(t, b.Close())
	})
}

// While the sink hangs, no caller waits, not even for an instant of virtual time. Records above the
// limit go to the fallback during the same call. The others follow in order when the sink recovers.
func TestBatcher_HungSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, fallback, guard := newValve(), &pages{}, breaker()
		w := breakerio.NewWriter(guard, sink, fallback)
		b := breakerio.NewBatcher(w, breakerio.WithBatchBytes(100), breakerio.WithMaxBytes(1000))
		began := time.Now()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := range 100 {
					say(t, b, fmt.Sprintf("%09d", i))
				}
			})
		}
		wg.Wait()
		require.Zero(t, time.Since(began))
		require.Equal(t, breakerio.BatchStats{Records: 100, Waiting: 1000, Overflowed: 700}, b.Stats())
		require.Len(t, fallback.all(), 700)
		require.Equal(t, uint64(700), w.Stats().Fallback)
		require.Equal(t, atomicbreaker.Closed, guard.State(), "ErrBusy is not a failure")
		for _, record := range fallback.all() {
			require.Len(t, record, 10)
			require.Equal(t, byte('\n'), record[9], "a newline is added")
		}
		sink.open()
		require.NoError(t, b.Sync())
		require.Equal(t, 1000, len(sink.String()))
		require.Zero(t, b.Stats().Waiting)
		require.Equal(t, 1, sink.most)
		require.NoError(t, b.Close())
	})
}

// While the sink hangs, one record per second does not use one chunk per second, because the batch
// stays open.
func TestBatcher_HungSinkLeavesBatchesOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newValve()
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sink, nil))
		for range 60 {
			say(t, b, "record")
			time.Sleep(2 * time.Second)
		}
		sink.open()
		require.NoError(t, b.Sync())
		require.Equal(t, breakerio.BatchStats{Records: 60, Batches: 2}, b.Stats())
		require.NoError(t, b.Close())
	})
}

// Batches that the breaker rejects go to the fallback whole, from the goroutine that writes.
func TestBatcher_OpenBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, fallback := &pages{}, &pages{}
		guard := breaker()
		b := breakerio.NewBatcher(breakerio.NewWriter(guard, sink, fallback))
		guard.Trip()
		say(t, b, "1", "2")
		require.NoError(t, b.Sync())
		require.Equal(t, []string{"1\n2\n"}, fallback.all())
		require.Equal(t, 1, fallback.synced)
		guard.Reset()
		say(t, b, "3")
		require.NoError(t, b.Sync())
		require.Equal(t, []string{"3\n"}, sink.all())
		require.NoError(t, b.Close())
		require.Equal(t, [2]int{1, 1}, [2]int{sink.closed, fallback.closed})
		require.NoError(t, b.Close())
		require.ErrorIs(t, b.Sync(), fs.ErrClosed)
		_, err := io.WriteString(b, "4")
		require.ErrorIs(t, err, fs.ErrClosed)
	})
}

// Sync waits for the records written before it and for no others, for at most 5 s.
func TestBatcher_Sync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var takes time.Duration
		down := false
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sinkFunc(func(p []byte) (int, error) {
			if down {
				return 0, errDown
			}
			time.Sleep(takes)
			return len(p), nil
		}), nil), breakerio.WithBatchBytes(2))
		takes = 2 * time.Second
		say(t, b, "1", "2")
		began := time.Now()
		time.AfterFunc(time.Second, func() { say(t, b, "3", "4", "5", "6") })
		require.NoError(t, b.Sync())
		require.Equal(t, 4*time.Second, time.Since(began))
		began = time.Now()
		err := b.Sync()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, `breakerio: batcher of "sink": sync: not settled after 5s: context deadline exceeded`)
		require.Equal(t, 5*time.Second, time.Since(began))
		require.NoError(t, b.Sync())
		down = true
		say(t, b, "7")
		require.ErrorIs(t, b.Sync(), errDown, "the batch is lost")
		require.NoError(t, b.Sync(), "reported once")
		require.NoError(t, b.Close())
	})
}

// If the sink panics or ends the goroutine, only that batch goes to the fallback.
func TestBatcher_PanicAndGoexit(t *testing.T) {
	for name, worst := range map[string]func(){"panic": func() { panic("sink") }, "goexit": runtime.Goexit} {
		for _, opts := range [][]breakerio.Option{nil, {breakerio.WithRepanic()}} {
			t.Run(fmt.Sprint(name, len(opts)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sink, fallback := &pages{}, &pages{}
					does := worst
					w := breakerio.NewWriter(breaker(), sinkFunc(func(p []byte) (int, error) {
						does()
						return sink.Write(p)
					}), fallback, opts...)
					b := breakerio.NewBatcher(w, breakerio.WithBatchBytes(2))
					say(t, b, "1", "2")
					synctest.Wait()
					require.Equal(t, []string{"1\n", "2\n"}, fallback.all())
					does = func() {}
					say(t, b, "3", "4")
					synctest.Wait()
					require.Equal(t, []string{"3\n", "4\n"}, sink.all())
					require.NoError(t, b.Close())
				})
			})
		}
	}
}

// Sync reports the loss of a batch whose write did not return, and only that.
func TestBatcher_SyncAfterAWriteThatDoesNotReturn(t *testing.T) {
	for name, worst := range map[string]func(){"panic": func() { panic("sink") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var down error
				w := breakerio.NewWriter(breaker(), sinkFunc(func([]byte) (int, error) { worst(); return 0, nil }),
					sinkFunc(func(p []byte) (int, error) { return len(p), down }),
					breakerio.WithRepanic(), breakerio.WithOnLost(func([]byte, error) {}))
				b := breakerio.NewBatcher(w)
				say(t, b, "1")
				require.NoError(t, b.Sync())
				down = errDown
				say(t, b, "2")
				require.Error(t, b.Sync())
				require.Equal(t, uint64(1), w.Stats().Lost)
				down = nil
				require.NoError(t, b.Close())
			})
		})
	}
}

// badSync is a sink whose Sync calls a function.
type badSync struct {
	pages
	does func()
}

func (s *badSync) Sync() error { s.does(); return nil }

// A Sync of the sink that does not return blocks neither the caller nor later records.
func TestBatcher_SyncThatDoesNotReturn(t *testing.T) {
	for name, worst := range map[string]func(){"panic": func() { panic("sync") }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &badSync{does: worst}
				b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sink, nil))
				began := time.Now()
				say(t, b, "1")
				require.Error(t, b.Sync())
				require.Zero(t, time.Since(began))
				sink.does = func() {}
				say(t, b, "2")
				require.NoError(t, b.Sync())
				require.Equal(t, []string{"1\n", "2\n"}, sink.all())
				require.NoError(t, b.Close())
			})
		})
	}
}

// A fallback whose Sync hangs blocks the caller of Sync for 5 s, but no batch that the primary
// takes.
func TestBatcher_FallbackHangsInSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		sink, fallback := &pages{}, &badSync{does: func() { <-release }}
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), sink, fallback))
		for i := range 3 {
			say(t, b, fmt.Sprint(i))
			require.ErrorIs(t, b.Sync(), context.DeadlineExceeded)
			require.Len(t, sink.all(), i+1)
		}
		close(release)
		synctest.Wait()
		say(t, b, "more")
		require.NoError(t, b.Sync())
		require.NoError(t, b.Close())
	})
}

// The fallback is called by one goroutine at a time, although overflowing records and rejected
// batches come from different goroutines.
func TestBatcher_FallbackIsSerialized(t *testing.T) {
	guard := breaker()
	guard.ForceOpen()
	var inside, most atomic.Int32
	var taken bytes.Buffer
	fallback := sinkFunc(func(p []byte) (int, error) {
		most.Store(max(most.Load(), inside.Add(1)))
		defer inside.Add(-1)
		runtime.Gosched()
		return taken.Write(p)
	})
	b := breakerio.NewBatcher(breakerio.NewWriter(guard, take{}, fallback), breakerio.WithBatchBytes(8), breakerio.WithMaxBytes(16))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { say(t, b, strings.Split(strings.Repeat("abc\n", 500), "")...) })
	}
	wg.Wait()
	require.NoError(t, b.Close())
	assert.Equal(t, int32(1), most.Load())
	stats := b.Stats()
	assert.Equal(t, uint64(8*2000), stats.Records+stats.Overflowed)
	assert.NotZero(t, stats.Records)
}

// If neither side takes an overflowing record, the caller gets the error.
func TestBatcher_OverflowIsLost(t *testing.T) {
	b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), take{}, nil), breakerio.WithMaxBytes(1))
	for _, record := range []string{"record", "record\n"} {
		n, err := io.WriteString(b, record)
		require.Zero(t, n)
		require.ErrorIs(t, err, breakerio.ErrBusy)
	}
}
