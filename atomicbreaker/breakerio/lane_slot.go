// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"errors"
	"fmt"
)

// errGoexit is the result of a call that ended the slot's goroutine instead of the caller's.
var errGoexit = errors.New("breakerio: the sink called runtime.Goexit")

type job uint8

const (
	write job = iota
	syncSink
	closeSink
)

// result is what a job led to; panicked is the value that the sink panicked with.
type result struct {
	n        int
	err      error
	panicked any
}

// slot makes one call of the sink at a time, on a goroutine of its own. call is guarded by the
// lane's mu; the other fields belong to the caller until it starts the slot, and then to the
// goroutine until the slot is free again.
type slot struct {
	lane *lane
	work chan struct{} // of capacity 1; closed when the slot ends while it is free
	call *call         // nil: nobody waits

	job    job
	buf    []byte
	mends  bool // the first byte ends a line that a late write has torn
	prefix int  // how many bytes of buf are the lane's: that one, unless the record begins with a newline itself
}

// start hands the goroutine a copy of p.
func (s *slot) start(p []byte) {
	s.buf, s.prefix = s.buf[:0], 0
	if s.mends && (len(p) == 0 || p[0] != '\n') {
		s.buf, s.prefix = append(s.buf, '\n'), 1
	}
	s.buf = append(s.buf, p...)
	s.work <- struct{}{}
}

// run is the slot's goroutine. If the sink ends it in a call, another one takes its place.
func (s *slot) run() {
	returned := true
	defer func() {
		if !returned && !s.finish(result{err: errGoexit}) {
			go s.run()
		}
	}()
	for range s.work {
		returned = false
		r := s.lane.ask(s.job, s.buf)
		returned = true
		if s.finish(r) {
			return
		}
	}
}

// ask calls the sink. It does not return if the sink ends the goroutine.
func (l *lane) ask(j job, p []byte) (r result) {
	defer func() {
		if v := recover(); v != nil {
			r.panicked = v
		}
	}()
	switch j {
	case write:
		r.n, r.err = l.sink.Write(p)
	case syncSink:
		r.err = syncIt(l.sink)
	case closeSink:
		r.err = closeIt(l.sink)
	}
	return r
}

// finish frees the slot and then passes the result to the call that waits for it, if one does. It
// reports whether the goroutine must end.
func (s *slot) finish(r result) (ended bool) {
	k, ended := s.release(&r)
	switch {
	case k == nil: // the result is late
	case k.done == nil:
		k.results <- r
	default:
		k.timer.Stop()
		if r.panicked != nil {
			r.err = fmt.Errorf("breakerio: the sink panicked: %v", r.panicked)
		}
		go k.done(r.n, r.err)
	}
	return ended
}

// release frees the slot, or hands it to the next call, or ends it with the lane. It returns the
// call that waits for the result and deducts from the result what the lane put before the record.
func (s *slot) release(r *result) (k *call, ended bool) {
	l := s.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	k, s.call = s.call, nil
	if k == nil {
		l.stuck--
	} else {
		l.leave()
	}
	if s.job == write {
		s.account(k, r)
	}
	if cap(s.buf) > l.keep {
		s.buf = nil
	}
	if l.closed {
		l.closeIfUnused()
		return k, true
	}
	if next := l.queue.pop(); next != nil {
		l.assign(s, next)
		next.ready <- s
	} else {
		l.free = append(l.free, s)
	}
	return k, false
}

// account counts a late write, finds out whether the sink holds a part of a line that only the lane
// knows of, and deducts the lane's own byte. The caller holds mu.
func (s *slot) account(k *call, r *result) {
	l := s.lane
	if k == nil {
		l.late.Add(1)
	}
	if s.mends && (r.n <= 0 || r.n >= len(s.buf) && r.err != nil) { // nobody knows whether it has the newline
		l.torn = true
	}
	unseen := k == nil || k.done != nil
	if unseen && r.n > 0 && r.n < len(s.buf) && s.buf[len(s.buf)-1] == '\n' && s.buf[r.n-1] != '\n' {
		l.torn = true
	}
	if r.n > 0 {
		r.n -= s.prefix
	}
}
