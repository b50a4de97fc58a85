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

// lane is the part of a Lane that its goroutines share. A slot is free, running (a caller or a
// probe waits for its call) or stuck (the caller or the probe has given up). mu guards every change
// of state:
//
//	free → running   a caller takes the slot, or a slot that finishes takes the next call
//	running → free   the sink answers
//	running → stuck  the caller gives up
//	stuck → free     the sink answers late
//
// Both transitions out of running compare slot.call with the call while holding mu, so a result
// reaches the caller that waits for it or no caller at all.
type lane struct {
	laneConfig

	sink  io.Writer
	calls sync.Pool
	late  atomic.Uint64

	hung, syncHung, unclosed, busy error // match ErrHung or ErrBusy

	mu      sync.Mutex
	queue   callQueue // calls that wait for their turn; empty while a slot is free
	free    []*slot   // a stack: the last slot used has warm memory
	slots   int
	running int
	stuck   int
	torn    bool      // the sink holds a part of a line that no caller saw
	voted   time.Time // when a write last returned ErrHung

	closed     bool
	dropped    bool // closed because the Lane is unreachable; the sink stays open
	aborting   bool
	abortAgain bool          // the sink hung again during the abort
	aborted    bool          // WithCloseOnHang has closed the sink
	quiet      chan struct{} // closed when the lane is closed and nothing runs
	sinkClosed chan result
}

// call waits for its turn in the queue, and then for the sink.
type call struct {
	job     job
	timer   *time.Timer
	results chan result // of capacity 1
	done    func(n int, err error)

	ready      chan *slot // of capacity 1; nil rejects the call with err
	err        error
	queued     bool
	prev, next *call
}

// do performs a job on a slot and returns its result. It waits for a slot and then for the sink, in
// each case for at most wait.
func (l *lane) do(j job, p []byte, wait time.Duration) (int, error) {
	k, _ := l.calls.Get().(*call)
	if k == nil {
		k = &call{
			results: make(chan result, 1), ready: make(chan *slot, 1), timer: time.NewTimer(wait),
		}
		k.timer.Stop()
	}
	k.job = j
	r := l.perform(k, p, wait)
	l.calls.Put(k)
	if r.panicked != nil {
		panic(r.panicked)
	}
	return r.n, r.err
}

// perform waits for a slot for k, runs k on it, and waits for the result.
func (l *lane) perform(k *call, p []byte, wait time.Duration) result {
	s, err := l.turn(k, wait)
	if err != nil {
		return result{err: err}
	}
	s.start(p)
	k.timer.Reset(wait)
	select {
	case r := <-k.results:
		k.timer.Stop()
		return r
	case <-k.timer.C:
	}
	if err := l.giveUp(s, k); err != nil {
		return result{err: err}
	}
	return <-k.results
}

// turn waits for a slot and returns it. The slot is assigned to k.
func (l *lane) turn(k *call, wait time.Duration) (*slot, error) {
	l.mu.Lock()
	s, err := l.take(k)
	if s == nil && err == nil {
		l.queue.push(k)
	}
	l.mu.Unlock()
	if s != nil || err != nil {
		return s, err
	}
	k.timer.Reset(wait)
	select {
	case s = <-k.ready:
		k.timer.Stop()
	case <-k.timer.C:
		l.mu.Lock()
		waited := k.queued
		l.queue.remove(k)
		l.mu.Unlock()
		if waited {
			return nil, l.busy
		}
		s = <-k.ready // k has left the queue, so a slot or a rejection follows
	}
	if s == nil {
		return nil, k.err
	}
	return s, nil
}

// take returns a slot for k if one is free, an error if the lane rejects k without waiting, and
// otherwise neither. The caller holds mu.
func (l *lane) take(k *call) (*slot, error) {
	switch {
	case l.closed:
		return nil, fs.ErrClosed
	case l.stuck == l.width && k.job == jobWrite:
		return nil, l.vote()
	case l.stuck == l.width:
		return nil, l.busy
	}
	var s *slot
	if last := len(l.free) - 1; last >= 0 {
		s = l.free[last]
		l.free = l.free[:last]
	} else if l.slots < l.width {
		l.slots++
		s = &slot{lane: l, work: make(chan struct{}, 1)}
		go s.run()
	} else {
		return nil, nil
	}
	l.assign(s, k)
	return s, nil
}

// assign makes a free slot run k. The caller holds mu.
func (l *lane) assign(s *slot, k *call) {
	l.running++
	s.call, s.job = k, k.job
	s.repairs = l.torn && s.job == jobWrite
	if s.repairs {
		l.torn = false
	}
}

// vote returns the error of a write that the sink did not answer: ErrHung, but at most once per
// timeout, and otherwise ErrBusy. The caller holds mu.
func (l *lane) vote() error {
	now := time.Now()
	if !l.voted.IsZero() && now.Sub(l.voted) < l.timeout {
		return l.busy
	}
	l.voted = now
	return l.hung
}

// giveUp makes the slot stuck and returns the error for k, or nil if the sink has answered first.
func (l *lane) giveUp(s *slot, k *call) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.call != k {
		return nil
	}
	s.call = nil
	l.stuck++
	l.leave()
	if l.stuck == l.width {
		l.refuseAll(l.busy)
	}
	switch {
	case !l.closeOnHang:
	case l.aborting: // the sink answered the last abort, which has not returned, and hangs again
		l.abortAgain = true
	default:
		l.aborting = true
		go l.abort()
	}
	if s.job != jobWrite {
		return l.syncHung
	}
	return l.vote()
}

// leave counts a slot that is no longer running. The caller holds mu.
func (l *lane) leave() {
	l.running--
	if l.closed && l.running == 0 {
		close(l.quiet)
	}
}

// refuseAll rejects all calls in the queue with err. The caller holds mu.
func (l *lane) refuseAll(err error) {
	for k := l.queue.pop(); k != nil; k = l.queue.pop() {
		k.err = err
		k.ready <- nil
	}
}

// probe is [Lane.probe].
func (l *lane) probe(p []byte, done func(n int, err error)) bool {
	k := &call{job: jobWrite, done: done}
	l.mu.Lock()
	s, err := l.take(k)
	l.mu.Unlock()
	if errors.Is(err, ErrHung) {
		go done(0, err)
		return true
	}
	if s == nil {
		return false
	}
	k.timer = time.AfterFunc(l.timeout, func() {
		if err := l.giveUp(s, k); err != nil {
			done(0, err)
		}
	})
	s.start(p)
	return true
}

// callQueue holds calls in the order of their arrival.
type callQueue struct{ first, last *call }

func (q *callQueue) push(k *call) {
	k.queued, k.prev, k.next = true, q.last, nil
	if q.last == nil {
		q.first = k
	} else {
		q.last.next = k
	}
	q.last = k
}

// pop removes and returns the first call, or returns nil if there is none.
func (q *callQueue) pop() *call {
	k := q.first
	if k != nil {
		q.remove(k)
	}
	return k
}

// remove removes k, and does nothing if k is not in the queue.
func (q *callQueue) remove(k *call) {
	if !k.queued {
		return
	}
	if k.prev == nil {
		q.first = k.next
	} else {
		k.prev.next = k.next
	}
	if k.next == nil {
		q.last = k.prev
	} else {
		k.next.prev = k.prev
	}
	k.queued, k.prev, k.next = false, nil, nil
}
