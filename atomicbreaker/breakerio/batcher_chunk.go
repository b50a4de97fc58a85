// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"io"
	"sync"
	"time"
)

// chunk is the memory of a batch, which is being filled, waiting or being written.
type chunk struct {
	data    []byte // never grows beyond its initial capacity
	records uint64
	since   time.Time // when the first record was added
	next    *chunk
}

// queue is a list of chunks, oldest first.
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

// pool keeps chunks for later batches, as many as were in use at once since the last trim.
type pool struct {
	size              int
	free              *chunk
	used, peak, spare int
}

// get returns an empty chunk with room for n bytes.
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

// trim releases chunks that have not been in use since the last trim.
func (p *pool) trim() {
	for p.free != nil && p.used+p.spare > p.peak {
		p.free = p.free.next
		p.spare--
	}
	p.peak = p.used
}

// onceFallback is the fallback of a Writer below a Batcher. It takes the batch in flight only once.
// When Shutdown gives up waiting, it writes that batch to the fallback. If the primary fails
// afterwards, the Writer must not send the batch to the fallback again, or report it lost because
// the fallback is closed by then.
//
// The mutex is held only for the comparison, so that a fallback that hangs does not block batches
// that the primary takes.
type onceFallback struct {
	sink io.Writer // nil: there is no fallback, and the batch is reported lost only once

	mu       sync.Mutex
	inFlight []byte
	asked    bool // whether the fallback was given the batch or a part of it
}

// wrapFallback replaces w's fallback by a onceFallback around it.
func wrapFallback(w *Writer) *onceFallback {
	s := &onceFallback{sink: w.fallback}
	w.fallback = s
	return s
}

// begin sets the batch in flight; nil means none.
func (s *onceFallback) begin(batch []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight, s.asked = batch, false
}

// Asked reports whether the fallback was already given the batch that p belongs to, and records
// that it now is. The guard calls it with the original bytes of the batch. Write cannot check this:
// it gets a copy if the fallback is torn.
func (s *onceFallback) Asked(p []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !within(p, s.inFlight) {
		return false
	}
	again := s.asked
	s.asked = true
	return again
}

// within reports whether p is a slice of whole that extends to its end.
func within(p, whole []byte) bool {
	from := cap(whole) - cap(p)
	return len(p) > 0 && from >= 0 && from < len(whole) && &whole[from] == &p[0]
}

// Write writes to the fallback.
func (s *onceFallback) Write(p []byte) (int, error) {
	if s.sink == nil {
		return 0, ErrNoFallback
	}
	return s.sink.Write(p)
}

// Sync syncs the fallback.
func (s *onceFallback) Sync() error { return syncSink(s.sink) }

// Close closes the fallback.
func (s *onceFallback) Close() error { return closeSink(s.sink) }
