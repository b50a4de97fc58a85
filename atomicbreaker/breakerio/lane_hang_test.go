// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/internal/goroutines"
)

// partly hangs in each write until it is released. It then takes as many bytes as the test sets.
type partly struct {
	goOn chan int
	file []byte
}

func (p *partly) Write(b []byte) (int, error) {
	n := min(<-p.goOn, len(b))
	p.file = append(p.file, b[:n]...)
	if n < len(b) {
		return n, errDown
	}
	return n, nil
}

// After a late write that tore a line, the next record starts on a new line. The newline is not
// included in any caller's count.
func TestLane_TornLateWrite(t *testing.T) {
	const timeout = time.Second
	type step struct {
		record string
		late   bool
		takes  int // bytes of the write
		n      int // the caller's result
	}
	for name, c := range map[string]struct {
		steps []step
		file  string
	}{
		"repaired": {
			[]step{{"one\n", true, 2, 0}, {"two\n", false, 9, 4}, {"three\n", false, 9, 6}},
			"on\ntwo\nthree\n",
		},
		"took nothing": {
			[]step{{"one\n", true, 0, 0}, {"two\n", false, 9, 4}},
			"two\n",
		},
		"took whole lines": {
			[]step{{"one\ntwo\n", true, 4, 0}, {"three\n", false, 9, 6}},
			"one\nthree\n",
		},
		"no line": {
			[]step{{"one", true, 2, 0}, {"two", false, 9, 3}},
			"ontwo",
		},
		"only the newline is taken": {
			[]step{{"one\n", true, 2, 0}, {"two\n", false, 1, 0}, {"three\n", false, 9, 6}},
			"on\nthree\n",
		},
		"the repairing write fails": {
			[]step{{"one\n", true, 2, 0}, {"two\n", false, 0, 0}, {"three\n", false, 9, 6}},
			"on\nthree\n",
		},
		"the repairing write is late and torn": {
			[]step{{"one\n", true, 2, 0}, {"two\n", true, 3, 0}, {"three\n", false, 9, 6}},
			"on\ntw\nthree\n",
		},
		"the repairing write is late and fails": {
			[]step{{"one\n", true, 2, 0}, {"two\n", true, 0, 0}, {"three\n", false, 9, 6}},
			"on\nthree\n",
		},
		"the writer above repairs too": {
			[]step{{"one\n", true, 2, 0}, {"\ntwo\n", false, 9, 5}},
			"on\ntwo\n",
		},
		"in time, the tear belongs to the writer above": {
			[]step{{"one\n", false, 2, 2}, {"\ntwo\n", false, 9, 5}},
			"on\ntwo\n",
		},
		"an empty record": {
			[]step{{"one\n", true, 2, 0}, {"", false, 9, 0}, {"two\n", false, 9, 4}},
			"on\ntwo\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := &partly{goOn: make(chan int, 1)}
				lane := breakerio.NewLane(sink, timeout)
				for _, s := range c.steps {
					if !s.late {
						sink.goOn <- s.takes
					}
					n, err := io.WriteString(lane, s.record)
					require.Equal(t, s.n, n)
					if s.late {
						require.Error(t, err)
						time.Sleep(timeout)
						sink.goOn <- s.takes
						synctest.Wait()
					}
				}
				require.Equal(t, c.file, string(sink.file))
				require.NoError(t, lane.Close())
			})
		})
	}
}

// abortable is a valve that Abort opens.
type abortable struct {
	*valve
	mu     sync.Mutex
	aborts int
}

func (a *abortable) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.aborts++
	a.valve.mu.Lock()
	defer a.valve.mu.Unlock()
	close(a.opened)
	a.opened = make(chan struct{})
}

type aborter struct{ *abortable }

func (a aborter) Abort()       { a.release() }
func (a aborter) Close() error { return errDown }

type closeOnly struct{ *abortable }

func (c closeOnly) Close() error { c.release(); panic("discarded") }

// A sink that hangs is aborted. A sink that can only be closed is closed, and only once.
func TestLane_CloseOnHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &abortable{valve: newValve()}
		lane := breakerio.NewLane(aborter{sink}, time.Second, breakerio.WithCloseOnHang())
		for i := range 3 {
			_, err := io.WriteString(lane, "x")
			require.ErrorIs(t, err, breakerio.ErrHung, "an aborted sink is used again")
			synctest.Wait()
			require.Equal(t, uint64(i+1), lane.Late())
			require.Equal(t, i+1, sink.aborts)
		}
		require.ErrorIs(t, lane.Close(), errDown)
	})
	synctest.Test(t, func(t *testing.T) {
		sink := &abortable{valve: newValve()}
		lane := breakerio.NewLane(closeOnly{sink}, time.Second, breakerio.WithCloseOnHang())
		for range 2 {
			_, err := io.WriteString(lane, "x")
			require.ErrorIs(t, err, breakerio.ErrHung)
			synctest.Wait()
			require.Equal(t, 1, sink.aborts)
			require.Equal(t, uint64(1), lane.Late())
			time.Sleep(time.Second)
		}
		require.ErrorIs(t, lane.Close(), breakerio.ErrHung)
		sink.open()
		synctest.Wait()
		require.Equal(t, 1, sink.aborts)
	})
	synctest.Test(t, func(t *testing.T) {
		sink := newValve()
		lane := breakerio.NewLane(sink, time.Second, breakerio.WithCloseOnHang())
		_, err := io.WriteString(lane, "x")
		require.ErrorIs(t, err, breakerio.ErrHung, "the sink has neither Abort nor Close")
		require.ErrorIs(t, lane.Close(), breakerio.ErrHung)
		sink.open()
	})
}

// stubborn is a valve whose Abort hangs as well.
type stubborn struct {
	*valve
	aborts chan struct{}
}

func (s stubborn) Abort() { s.aborts <- struct{}{} }

// An Abort that hangs uses one goroutine, however often the sink hangs.
func TestLane_AbortHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := stubborn{newValve(), make(chan struct{})}
		lane := breakerio.NewLane(sink, time.Second, breakerio.WithCloseOnHang())
		_, err := io.WriteString(lane, "1")
		require.ErrorIs(t, err, breakerio.ErrHung)
		synctest.Wait() // the abort is in progress
		before := goroutines.Count(goroutines.Bubble)
		for range 3 {
			sink.open()
			synctest.Wait()
			sink.mu.Lock()
			sink.opened = make(chan struct{})
			sink.mu.Unlock()
			_, err = io.WriteString(lane, "2")
			require.ErrorIs(t, err, breakerio.ErrHung)
		}
		synctest.Wait()
		require.Equal(t, before, goroutines.Count(goroutines.Bubble))
		require.ErrorIs(t, lane.Close(), breakerio.ErrHung)
		<-sink.aborts
		<-sink.aborts // the sink hung again
		sink.open()
	})
}

// openValve is a valve that must not be closed.
type openValve struct {
	*valve
	t *testing.T
}

func (v openValve) Close() error { v.t.Error("the lane closes the sink"); return nil }

// A Lane that becomes unreachable ends its goroutines; a stuck one ends when the sink returns. The
// sink stays open.
func TestLane_Dropped(t *testing.T) {
	const worker = "breakerio.(*slot).run"
	before := goroutines.Count(worker)
	sink := newValve()
	func() {
		lane := breakerio.NewLane(openValve{sink, t}, time.Millisecond, breakerio.WithWidth(2))
		_, err := io.WriteString(lane, "x")
		require.ErrorIs(t, err, breakerio.ErrHung)
		require.NoError(t, lane.Sync())
		require.Equal(t, before+2, goroutines.Count(worker))
		runtime.KeepAlive(lane)
	}()
	ended := func(left int) func() bool {
		return func() bool {
			runtime.GC()
			return goroutines.Count(worker) == before+left
		}
	}
	require.Eventually(t, ended(1), 30*time.Second, time.Millisecond)
	sink.open()
	require.Eventually(t, ended(0), 30*time.Second, time.Millisecond)
	require.Equal(t, "x", sink.String())
}

var errClosing = errors.New("closing")

// hangingCloser is a sink whose Close takes a while.
type hangingCloser struct {
	io.Writer
	takes time.Duration
}

func (c hangingCloser) Close() error { time.Sleep(c.takes); return errClosing }

// Close waits for the sink as long as Sync does. It waits for running calls, but not for calls that
// wait for their turn.
func TestLane_Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := breakerio.NewLane(hangingCloser{io.Discard, 4 * time.Second}, time.Second)
		require.ErrorIs(t, lane.Close(), errClosing)
		lane = breakerio.NewLane(hangingCloser{io.Discard, 6 * time.Second}, time.Second)
		began := time.Now()
		require.ErrorIs(t, lane.Close(), breakerio.ErrHung)
		require.Equal(t, 5*time.Second, time.Since(began))
		time.Sleep(time.Second)
	})
	synctest.Test(t, func(t *testing.T) {
		sink := &slow{each: 300 * time.Millisecond}
		lane := breakerio.NewLane(sink, time.Second, breakerio.WithWidth(2))
		var count tally
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { count.write(lane) })
		}
		synctest.Wait()
		began := time.Now()
		require.NoError(t, lane.Close())
		require.Equal(t, 300*time.Millisecond, time.Since(began))
		wg.Wait()
		require.Equal(t, int64(2), count.taken.Load())
		require.Equal(t, int64(3), count.other.Load(), "fs.ErrClosed")
	})
}
