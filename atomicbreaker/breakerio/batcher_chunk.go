// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"io"
	"sync"
	"time"
)

// chunk is a batch: being filled, waiting, or being written.
type chunk struct {
	data    []byte // never grows beyond its first capacity
	records uint64
	since   time.Time // of the first record
	next    *chunk
}

// queue is a list of chunks, the oldest first.
type queue struct{ head, tail *chunk }

func (q *queue) push(c *chunk) {
	if q.head == nil {
		q.head = c
	} else {
		q.tail.next = c
	}
	q.tail = c
}

func (q *queue) pop() *chunk {
	c := q.head
	if c != nil {
		q.head, c.next = c.next, nil
	}
	return c
}

// pool keeps chunks for the next batches: as many as were in use at once since the last trim.
type pool struct {
	size              int
	free              *chunk
	used, peak, spare int
}

// get returns an empty chunk that holds n bytes.
func (p *pool) get(n int) *chunk {
	if n > p.size {
		return &chunk{data: make([]byte, 0, n)}
	}
	p.used++
	p.peak = max(p.peak, p.used)
	c := p.free
	if c == nil {
		return &chunk{data: make([]byte, 0, p.size)}
	}
	p.spare--
	p.free, c.next = c.next, nil
	return c
}

func (p *pool) put(c *chunk) {
	if cap(c.data) != p.size {
		return
	}
	p.used--
	p.spare++
	c.data, c.records = c.data[:0], 0
	p.free, c.next = c, p.free
}

// trim lets go of chunks that have not been in use since the last trim.
func (p *pool) trim() {
	for p.free != nil && p.used+p.spare > p.peak {
		p.free = p.free.next
		p.spare--
	}
	p.peak = p.used
}

// spare is the fallback of a Writer under a Batcher. It is asked once to take a batch: when Shutdown gave
// up waiting and wrote the batch in flight to the fallback, a primary that fails after all must not
// bring it there again, nor report it lost because the fallback has been closed since.
//
// The mutex is held for the comparison alone, so that a fallback that hangs does not hold up batches
// that the primary takes.
type spare struct {
	sink io.Writer // nil: there is no fallback, and a batch is lost once

	mu     sync.Mutex
	flying []byte // the batch in flight
	asked  bool   // to take it, or what the primary did not take of it
}

// spareOf puts a spare in the place of w's fallback.
func spareOf(w *Writer) *spare {
	s := &spare{sink: w.fallback}
	w.fallback = s
	return s
}

// begin notes which batch is in flight; nil: none.
func (s *spare) begin(batch []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying, s.asked = batch, false
}

// Asked notes that the fallback is asked to take p, and says whether it was asked to take p's batch before.
// The guard calls it and not Write, which gets a copy of p where the fallback has torn a line.
func (s *spare) Asked(p []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !within(p, s.flying) {
		return false
	}
	again := s.asked
	s.asked = true
	return again
}

// within reports whether p is the end of a slice that was cut from whole.
func within(p, whole []byte) bool {
	from := cap(whole) - cap(p)
	return len(p) > 0 && from >= 0 && from < len(whole) && &whole[from] == &p[0]
}

// Write writes to the fallback.
func (s *spare) Write(p []byte) (int, error) {
	if s.sink == nil {
		return 0, ErrNoFallback
	}
	return s.sink.Write(p)
}

// Sync syncs the fallback.
func (s *spare) Sync() error { return syncIt(s.sink) }

// Close closes the fallback.
func (s *spare) Close() error { return closeIt(s.sink) }
