// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"errors"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
)

// ErrHung is what a [Lane] returns for a record that its sink did not take in time, or was not asked for because an
// earlier write is stuck. The caller has the record back: it belongs to the fallback.
var ErrHung = errors.New("breakerio: the sink hangs")

// errGoexit is the result of a write that ended the lane's goroutine instead of the caller's.
var errGoexit = errors.New("breakerio: the sink called runtime.Goexit")

// Lane is an io.Writer in front of a sink that may hang: a goroutine of its own writes, and the caller waits no longer
// than a timeout. It is meant to be the primary of a [Writer]. [NewLane] makes it, Close ends it.
//
// Properties:
//   - Any goroutine may call any method at any time. The sink sees one call at a time.
//   - Write returns what the sink returned, or within the timeout ErrHung. While a write is stuck, ErrHung comes at
//     once, so that a hang costs all its callers together one timeout.
//   - However long the sink hangs, one goroutine is stuck, with a copy of one record. When the sink returns the lane works
//     again; the write counts as [Lane.Late], because the record may be in the fallback as well.
//   - A panic of the sink goes on in the caller. In a write that is late it is dropped.
//   - Every record is copied. Steady state allocates nothing.
type Lane struct {
	sink    io.Writer
	timeout time.Duration
	keep    int // the largest copy that is kept for the next record

	// turn is held by the caller that owns the fields below it; it is a channel, so that waiting for it can time out.
	turn   chan struct{}
	closed bool
	copied []byte // the worker's from the moment it is told to write until the phase is idle again

	phase   atomic.Uint32
	work    chan job
	results chan result // of capacity 1: the worker sends only to a caller that is bound to receive

	timers sync.Pool
	late   atomic.Uint64
}

// The phases of a lane. The holder of the turn leads it from idle to busy, and to stuck when it gives up; the worker leads
// it back to idle. Both leave busy by compare-and-swap, so that one of them learns that it came too late. That is why a late
// result cannot be taken for the next record's: it is never sent.
const (
	idle    uint32 = iota
	busy           // the worker writes, the caller waits
	stuck          // the worker writes, nobody waits
	closing        // stuck, and the worker is to close the sink when it comes back, or is stuck in that; for ever
)

type job uint8

const (
	write job = iota
	syncSink
	closeSink
)

// result is what became of a job; panicked is what the sink panicked with.
type result struct {
	n        int
	err      error
	panicked any
}

// LaneOption sets one thing of a [Lane].
type LaneOption func(*Lane)

// WithKeptBuffer sets up to what size a lane keeps the memory of its copy from one record to the next. Default 64 KiB.
func WithKeptBuffer(bytes int) LaneOption {
	return func(l *Lane) { l.keep = bytes }
}

// NewLane returns a lane to w and starts its goroutine. It panics if w is nil or timeout is not more than 0.
func NewLane(w io.Writer, timeout time.Duration, opts ...LaneOption) *Lane {
	if w == nil || timeout <= 0 {
		panic("breakerio: NewLane needs a writer and a timeout of more than 0")
	}
	l := &Lane{
		sink: w, timeout: timeout, keep: 64 << 10,
		turn: make(chan struct{}, 1), work: make(chan job, 1), results: make(chan result, 1),
	}
	for _, opt := range opts {
		opt(l)
	}
	go l.run()
	return l
}

// Write writes a copy of p to the sink and waits for the result, but no longer than the timeout; the time it takes to
// have its turn counts. After Close the error is [fs.ErrClosed].
func (l *Lane) Write(p []byte) (int, error) {
	return l.do(write, p)
}

// Sync calls the sink's Sync method, if it has one, and waits as Write does.
func (l *Lane) Sync() error {
	_, err := l.do(syncSink, nil)
	return err
}

// Close ends the lane's goroutine and, if the sink is an [io.Closer], closes it. It waits a timeout for the calls before
// it and another for the sink, and not at all for a write that is stuck: then the error is [ErrHung], and the goroutine closes the sink and ends when
// that write returns. To free a stuck write, close the sink itself, if it may be closed during a write. A second Close
// returns [fs.ErrClosed].
func (l *Lane) Close() error {
	_, err := l.do(closeSink, nil)
	return err
}

// Late returns how many writes have finished, well or not, after their caller had given up.
func (l *Lane) Late() uint64 { return l.late.Load() }

// do hands the worker a job and waits for what becomes of it.
func (l *Lane) do(j job, p []byte) (int, error) {
	switch phase := l.phase.Load(); {
	case j != closeSink && phase == stuck:
		return 0, ErrHung
	case phase == closing:
		return 0, fs.ErrClosed
	}
	if j == closeSink {
		l.turn <- struct{}{} // whoever has it gives up in time; a Close that gave up would have closed nothing
	}
	timer := l.timer()
	defer func() {
		timer.Stop()
		l.timers.Put(timer)
	}()
	if j != closeSink {
		select {
		case l.turn <- struct{}{}:
		case <-timer.C:
			return 0, ErrHung
		}
	}
	defer func() { <-l.turn }()

	if l.closed {
		return 0, fs.ErrClosed
	}
	l.closed = j == closeSink
	if l.isStuck(j) {
		return 0, ErrHung
	}
	l.phase.Store(busy)
	l.copied = append(l.copied[:0], p...)
	l.work <- j
	select {
	case r := <-l.results:
		return r.deliver()
	case <-timer.C:
	}
	gaveUp := stuck
	if j == closeSink {
		gaveUp = closing
	}
	if l.phase.CompareAndSwap(busy, gaveUp) {
		return 0, ErrHung
	}
	r := <-l.results // the worker was first: the result is on its way
	return r.deliver()
}

// isStuck says whether the worker is not to be had. If the job is to close, it leaves word for the worker's return.
func (l *Lane) isStuck(j job) bool {
	if j == closeSink && l.phase.CompareAndSwap(stuck, closing) {
		return true
	}
	return l.phase.Load() != idle
}

func (l *Lane) timer() *time.Timer {
	if t, ok := l.timers.Get().(*time.Timer); ok {
		t.Reset(l.timeout)
		return t
	}
	return time.NewTimer(l.timeout)
}

func (r result) deliver() (int, error) {
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.n, r.err
}

// run is the lane's goroutine. A sink that ends it in a write has another one started.
func (l *Lane) run() {
	var j job
	returned := true
	defer func() {
		if !returned && !l.finish(j, result{err: errGoexit}) {
			go l.run()
		}
	}()
	for ended := false; !ended; {
		j = <-l.work
		returned = false
		r := l.perform(j)
		returned = true
		ended = l.finish(j, r)
	}
}

// perform does a job. It does not return if the sink ends the goroutine.
func (l *Lane) perform(j job) (r result) {
	defer func() {
		if v := recover(); v != nil {
			r.panicked = v
		}
	}()
	switch j {
	case write:
		r.n, r.err = l.sink.Write(l.copied)
	case syncSink:
		r.err = syncIt(l.sink)
	case closeSink:
		r.err = closeIt(l.sink)
	}
	return r
}

// finish hands the result to the caller that waits, or counts the write as late. It says whether the lane has come to its
// end: the sink has been closed.
func (l *Lane) finish(j job, r result) (ended bool) {
	if cap(l.copied) > l.keep {
		l.copied = nil
	}
	if l.phase.CompareAndSwap(busy, idle) {
		l.results <- r
		return j == closeSink
	}
	if j == closeSink {
		return true // the phase stays closing: nothing follows
	}
	if j == write {
		l.late.Add(1)
	}
	if l.phase.CompareAndSwap(stuck, idle) {
		return false
	}
	l.perform(closeSink)
	return true
}
