// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"fmt"
	"path/filepath"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// readTries is how often Replay tries to read a record, in some 30 s, before it passes over the
// rest of the segment.
const readTries = 10

// skip goes on after an error of the reader. The error may pass, so Replay tries again some times.
func (r *replay) skip(at place, err error) (place, error) {
	next, err := r.spool.skip(at, err)
	if err == nil || r.ended() != nil {
		return next, err
	}
	if r.unread++; r.unread < readTries {
		return at, err
	}
	return r.spool.passOver(at, err)
}

// passOver cuts a segment at a place from which on it cannot be read, so that the records behind it
// do not wait. If the directory cannot be read either, the segment is not the cause: the disk may
// be away, or the process has too many open files.
func (s *Spool) passOver(at place, err error) (place, error) {
	if !s.queue.isReadable() {
		return at, err
	}
	s.mu.Lock()
	var gone []*part
	if g := at.g; !g.dropped && !s.closed {
		if g == s.queue.last() {
			s.queue.seal()
		}
		s.stats.Corrupt++
		s.drop(Drop{
			Reason: DropCorrupt, Records: uint64(g.records), Bytes: g.bytes, Age: age(g.first),
			Err: fmt.Errorf("breakerspool: %w", err),
		})
		s.forget(g, g.records, g.bytes)
		g.size, g.isCut = at.pos.Offset, true
		gone = s.acknowledge(at)
	}
	s.mu.Unlock()
	s.unlink(gone)
	s.report()
	return at, nil
}

// isReadable reports whether the directory can be read.
func (st *store) isReadable() bool {
	_, err := st.disk.ReadDir(st.dir)
	return err == nil
}

// keep leaves the files of a segment for the next Open. The segment is no longer in the list.
func (st *store) keep(g *part) {
	if g.log != nil {
		_ = g.log.Close()
		g.log = nil
	}
	files := []entry{{st.name(g.number, segmentSuffix), g.length, true}, {st.name(g.number, ackSuffix), g.logLength, true}}
	for _, f := range files {
		if f.size > 0 {
			f.name = filepath.Base(f.name)
			st.unreadable = append(st.unreadable, f)
		}
	}
}

// keepCut keeps a segment of which everything is settled that can be read.
func (s *Spool) keepCut(g *part) {
	p := g.acked
	if p.Offset < g.size {
		p = segment.Position{Offset: g.size}
	}
	s.queue.acknowledge(g, p, max(s.config.maxBytes-s.total(), 0))
	s.queue.keep(g)
}
