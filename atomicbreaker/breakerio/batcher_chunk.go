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

// spare is the fallback of a Writer under a Batcher. It takes a batch at most once: when Shutdown gave
// up waiting and wrote the batch in flight to the fallback, a primary that fails after all must not
// bring it there again, nor count it as lost because the fallback has been closed since.
//
// The Writer calls it from one goroutine at a time. The mutex is held for the comparison alone, so that
// a fallback that hangs does not hold up batches that the primary takes.
type spare struct {
	io.Writer

	mu     sync.Mutex
	flying []byte // the batch in flight
	taken  bool   // this fallback has it, or what the primary did not take of it
}

// spareOf puts a spare in the place of w's fallback.
func spareOf(w *Writer) *spare {
	if w.fallback == nil {
		return nil
	}
	s := &spare{Writer: w.fallback}
	w.fallback = s
	return s
}

// begin notes which batch is in flight; nil: none.
func (s *spare) begin(batch []byte) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flying, s.taken = batch, false
}

// Write writes p, unless it is of a batch that the fallback has.
func (s *spare) Write(p []byte) (int, error) {
	flies, taken := s.look(p)
	if taken {
		return len(p), nil
	}
	n, err := s.Writer.Write(p)
	if flies && err == nil && n == len(p) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.taken = within(p, s.flying)
	}
	return n, err
}

func (s *spare) look(p []byte) (flies, taken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	flies = within(p, s.flying)
	return flies, flies && s.taken
}

// within reports whether p is the end of a slice that was cut from whole.
func within(p, whole []byte) bool {
	from := cap(whole) - cap(p)
	return len(p) > 0 && from >= 0 && from < len(whole) && &whole[from] == &p[0]
}

// Sync, Flush, Close and Fd are the fallback's, where it has them.

func (s *spare) Sync() error {
	if f, ok := s.Writer.(interface{ Sync() error }); ok {
		return f.Sync()
	}
	return s.Flush()
}

func (s *spare) Flush() error {
	if f, ok := s.Writer.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	return nil
}

func (s *spare) Close() error { return closeIt(s.Writer) }

func (s *spare) Fd() uintptr {
	if f, ok := s.Writer.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}
