// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// claim marks the records of a write as in flight. It returns false if a limit has dropped one, or
// the spool is closed.
func (s *Spool) claim(w *write) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	for i := range w.items {
		if w.items[i].at.g.dropped {
			return false
		}
	}
	w.parts(func(g *part, from, to int) { g.inFlight, g.bytesInFlight = int64(to-from), w.size(from, to) })
	return true
}

// settle forgets the first records of a write, which the sink took. A record whose segment was
// dropped meanwhile counts now. After Close nothing is forgotten, because the files may belong to
// another Spool: what the sink takes then is repeated.
func (s *Spool) settle(w *write, taken int) {
	var gone []*part
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return // the records stay where they are
	}
	filtered := Drop{Reason: DropFiltered}
	w.parts(func(g *part, from, to int) {
		g.inFlight, g.bytesInFlight = 0, 0
		end := max(min(to, taken), from)
		for i := from; i < end; i++ {
			if item := &w.items[i]; !item.filtered {
				s.stats.Replayed++
			} else {
				filtered.Records++
				filtered.Bytes += int64(item.size)
				filtered.Age = max(filtered.Age, age(item.time))
			}
		}
		s.forget(g, int64(end-from), w.size(from, end))
		if g.dropped && g.records > 0 {
			s.drop(Drop{Reason: g.reason, Records: uint64(g.records), Bytes: g.bytes, Age: age(w.items[from].time)})
			s.forget(g, g.records, g.bytes)
		}
	})
	if filtered.Records > 0 {
		s.drop(filtered)
	}
	if taken > 0 && w.kind == inOrder {
		gone = s.acknowledge(w.items[taken-1].after)
	}
	s.mu.Unlock()
	s.unlink(gone)
}

// forget counts records of a segment as settled.
func (s *Spool) forget(g *part, records, bytes int64) {
	g.records -= records
	g.bytes -= bytes
	s.backlog.Add(-records)
}

// acknowledge notes that everything before a place is settled. It returns the segments that hold
// nothing else; the caller unlinks them without the lock. After Close it changes nothing.
func (s *Spool) acknowledge(to place) (gone []*part) {
	if s.closed {
		return nil
	}
	defer func() { s.deleting.Add(len(gone)) }()
	st := &s.queue
	for len(st.segments) > 0 && st.segments[0].number < to.g.number {
		gone = s.finish(gone)
	}
	if to.g.dropped {
		return gone
	}
	isActive := st.active != nil && st.last() == to.g
	if to.pos.Offset >= to.g.size && (!isActive || to.g.size >= s.config.segmentBytes/2) {
		return s.finish(gone)
	}
	if to.pos.Offset >= to.g.size {
		s.dropDamaged(to.g)
	}
	st.acknowledge(to.g, to.pos, max(s.config.maxBytes-s.total(), 0))
	s.syncLater()
	return gone
}

// finish takes the oldest segment, which is settled, from the list. It appends it to those that
// hold nothing else, unless a part of it could not be read.
func (s *Spool) finish(gone []*part) []*part {
	g := s.queue.take(0)
	s.dropDamaged(g)
	if g.isCut {
		s.keepCut(g)
		return gone
	}
	return append(gone, g)
}

// dropDamaged gives up the records that are left in the count of a segment which is settled. They
// were damaged after they had been written.
func (s *Spool) dropDamaged(g *part) {
	if g.records > 0 {
		s.drop(Drop{Reason: DropCorrupt, Records: uint64(g.records), Bytes: g.bytes, Age: age(g.first)})
		s.forget(g, g.records, g.bytes)
	}
}

func (s *Spool) unlink(gone []*part) {
	for _, g := range gone {
		err := s.queue.unlink(g)
		s.mu.Lock()
		s.queue.account(g, err)
		s.mu.Unlock()
		s.deleting.Done()
	}
}

// skip goes on after an error of the reader. It returns the place behind damage, and the error
// unless it is one of damage.
func (s *Spool) skip(at place, err error) (place, error) {
	var gone []*part
	s.mu.Lock()
	var damage *segment.DamageError
	switch {
	case s.closed: // the files may belong to another Spool
		s.mu.Unlock()
		return at, fs.ErrClosed
	case at.g.dropped:
	case errors.As(err, &damage):
		if at.g.damage--; at.g.damage < 0 { // Open has not counted it
			s.stats.Corrupt++
			s.drop(Drop{Reason: DropCorrupt, Bytes: damage.End - damage.Offset, Age: age(at.g.first), Err: err})
		}
		at.pos = segment.Position{Offset: damage.End}
		gone = s.acknowledge(at)
	case isMissing(err), errors.Is(err, io.ErrUnexpectedEOF):
		// The file was removed or cut from outside.
		s.stats.Corrupt++
		at.pos = segment.Position{Offset: at.g.size}
		if at.g.number == s.queue.last().number {
			s.queue.seal()
		}
		gone = s.acknowledge(at)
	default:
		s.mu.Unlock()
		return at, err
	}
	s.mu.Unlock()
	s.unlink(gone)
	s.report()
	return at, nil
}

// isOld reports whether a limit drops the records of a frame.
func (s *Spool) isOld(f segment.Frame) bool {
	return s.config.maxAge > 0 && time.Since(f.Time) > s.config.maxAge
}

// expire gives up the rest of the frame at the head, which is too old. If the head is a suspect,
// what follows it may be taken already: then only the suspect is given up.
func (r *replay) expire(at place, frame segment.Frame) {
	next, data := place{at.g, segment.Position{Offset: frame.End}}, frame.Rest(at.pos)
	if r.suspect.held {
		data, next = recordAt(at, frame)
	}
	s := r.spool
	s.mu.Lock()
	var gone []*part
	if !at.g.dropped && !s.closed {
		records := int64(segment.CountRecords(data))
		s.forget(at.g, records, int64(len(data)))
		s.drop(Drop{Reason: DropMaxAge, Records: uint64(records), Bytes: int64(len(data)), Age: age(frame.Time)})
		gone = s.acknowledge(next)
	}
	s.mu.Unlock()
	s.unlink(gone)
	s.report()
	r.pass(next)
}

// noteOldest notes when the oldest record of a segment was written.
func (s *Spool) noteOldest(g *part, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.first = t
}

func (s *Spool) isDropped(g *part) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.dropped
}

// advance moves on after a write of which the sink took some records.
func (r *replay) advance(taken int) {
	if taken == 0 {
		return
	}
	after := r.write.items[taken-1].after
	if r.write.kind == ahead {
		r.suspect.ahead, r.suspect.trialAt = after, after
		r.suspect.held = true
		return
	}
	r.pass(after)
}

// pass moves the head to a place, or behind the records that were taken before it.
func (r *replay) pass(to place) {
	r.head = to
	if ahead := r.suspect.ahead; r.suspect.held && to.less(ahead) {
		r.head = ahead
		s := r.spool
		s.mu.Lock()
		var gone []*part
		if !ahead.g.dropped {
			gone = s.acknowledge(ahead)
		}
		s.mu.Unlock()
		s.unlink(gone)
	}
	r.suspect, r.unkept = suspect{}, 0
}

// countRepeats counts the records of the write that the sink was offered before.
func (r *replay) countRepeats() {
	n := uint64(0)
	for i := range r.write.items {
		if at := r.write.items[i].at; at.less(r.offered) && !r.write.items[i].filtered {
			n++
		}
	}
	if last := r.write.items[len(r.write.items)-1].after; r.offered.less(last) {
		r.offered = last
	}
	if n > 0 {
		r.spool.mu.Lock()
		r.spool.stats.Repeated += n
		r.spool.mu.Unlock()
	}
}
