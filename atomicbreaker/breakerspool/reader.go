// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// reader reads frames from the files of a spool. It opens a file for each read of a buffer, so that
// no file is open when it is deleted.
type reader struct {
	disk   disk
	store  *store
	part   *part // that it is at
	frames segment.Reader
}

// ReadAt reads from the segment that the reader is at.
func (r *reader) ReadAt(p []byte, offset int64) (int, error) {
	f, err := r.disk.Open(r.store.name(r.part.number, segmentSuffix))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	return f.ReadAt(p, offset)
}

// read returns the frame at an offset of a segment that ends at end.
func (r *reader) read(g *part, offset, end int64) (segment.Frame, error) {
	if r.part != g {
		r.part = g
		r.frames.Reset(r, g.sums, offset, end)
	}
	r.frames.Extend(end)
	r.frames.MoveTo(offset)
	return r.frames.Next()
}

// next returns the place of the first record at or after a place, and where its segment ends. ok is
// false if there is none.
func (s *Spool) next(at place) (_ place, end int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at.g != nil && !at.g.dropped && at.pos.Offset < at.g.size {
		return at, at.g.size, true
	}
	for _, g := range s.queue.segments {
		if at.g != nil && g.number <= at.g.number {
			continue
		}
		if g.acked.Offset < g.size {
			return place{g, g.acked}, g.size, true
		}
	}
	return at, 0, false
}
