// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"errors"
	"fmt"
)

// errGoexit is the result of a call that ended the slot's goroutine.
var errGoexit = errors.New("breakerio: the sink called runtime.Goexit")

type job uint8

const (
	jobWrite job = iota
	jobSync
	jobClose
)

// result is the outcome of a job; panicked is the value that the sink panicked with.
type result struct {
	n        int
	err      error
	panicked any
}

// slot makes one call of the sink at a time, on its own goroutine. The lane's mu guards call. The
// other fields belong to the caller until it starts the slot, and then to the goroutine until the
// slot is free again.
type slot struct {
	lane *lane
	work chan struct{} // of capacity 1; closed when the slot ends while it is free
	call *call         // nil: no caller waits

	job     job
	buf     []byte
	repairs bool // this write ends a line that an earlier write tore
	prefix  int  // bytes of buf before the record: 0, or 1 for the added newline
}

// start passes a copy of p to the goroutine.
func (s *slot) start(p []byte) {
	s.buf, s.prefix = s.buf[:0], 0
	if s.repairs && (len(p) == 0 || p[0] != '\n') {
		s.buf, s.prefix = append(s.buf, '\n'), 1
	}
	s.buf = append(s.buf, p...)
	s.work <- struct{}{}
}

// run is the slot's goroutine. If the sink ends it during a call, run starts another.
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
	case jobWrite:
		r.n, r.err = l.sink.Write(p)
	case jobSync:
		r.err = syncSink(l.sink)
	case jobClose:
		r.err = closeSink(l.sink)
	}
	return r
}

// finish frees the slot and then passes the result to the waiting call, if there is one. It reports
// whether the goroutine must end.
func (s *slot) finish(r result) (ended bool) {
	k, ended := s.release(&r)
	switch {
	case k == nil: // the caller has given up
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

// release frees the slot, assigns it to the next call, or ends it with the lane. It returns the
// call that waits for the result, and subtracts the lane's prefix from the result.
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
	if s.job == jobWrite {
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

// account counts a late write, marks the lane as torn if the sink holds a part of a line that no
// caller sees, and subtracts the prefix from r.n. The caller holds mu.
func (s *slot) account(k *call, r *result) {
	l := s.lane
	if k == nil {
		l.late.Add(1)
	}
	// After such a result it is unknown whether the sink took the newline.
	if s.repairs && (r.n <= 0 || r.n >= len(s.buf) && r.err != nil) {
		l.torn = true
	}
	unseen := k == nil || k.done != nil
	if unseen && r.n > 0 && r.n < len(s.buf) &&
		s.buf[len(s.buf)-1] == '\n' && s.buf[r.n-1] != '\n' {
		l.torn = true
	}
	if r.n > 0 {
		r.n -= s.prefix
	}
}
