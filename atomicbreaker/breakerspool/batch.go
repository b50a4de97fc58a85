// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// place is where a record begins. The zero place is the oldest record.
type place struct {
	g   *part
	pos segment.Position
}

func (p place) less(q place) bool {
	if p.g == nil || q.g == nil {
		return p.g == nil && q.g != nil
	}
	if p.g != q.g {
		return p.g.number < q.g.number
	}
	return p.pos.Less(q.pos)
}

// item is one record of a write.
type item struct {
	at       place
	after    place
	time     time.Time
	end      int  // of its bytes in the write
	filtered bool // it has none: the function of WithTransform returned nothing
}

// write is what the sink gets at once.
type write struct {
	buf   []byte // begins with a newline, for a sink that is torn
	items []item
	kind  writeKind
}

type writeKind uint8

const (
	inOrder writeKind = iota // from the head
	ahead                    // a trial, from where the trials before it ended: see suspect
	further                  // a trial behind a record that was refused; settles nothing
)

// prefix is the length of the newline in a write's buffer.
const prefix = 1

func (w *write) reset() {
	if cap(w.buf) > keptBuffer {
		w.buf = nil
	}
	*w = write{buf: append(w.buf[:0], '\n'), items: w.items[:0]}
}

// bytes returns what to write to the sink.
func (w *write) bytes(torn bool) []byte {
	if torn {
		return w.buf
	}
	return w.buf[prefix:]
}

// isLines reports whether the records are lines.
func (w *write) isLines() bool { return w.buf[len(w.buf)-1] == '\n' }

// parts calls f for each segment that has records in the write, with the range of its items.
func (w *write) parts(f func(g *part, from, to int)) {
	for from := 0; from < len(w.items); {
		to := from + 1
		for to < len(w.items) && w.items[to].at.g == w.items[from].at.g {
			to++
		}
		f(w.items[from].at.g, from, to)
		from = to
	}
}

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

// fill prepares the next write. ready is false if the spool has no record for it.
func (r *replay) fill() (ready bool, err error) {
	r.reader.disk, r.reader.store = r.spool.disk, &r.spool.queue
	if r.suspect.held && r.spool.isDropped(r.suspect.at.g) {
		r.pass(r.suspect.at) // moves behind what was taken in trials
	}
	if r.suspect.trialNext {
		if r.fillTrial() {
			return true, nil
		}
		r.suspect.trialNext = false // the suspect is the last record
		r.suspect.trialAt = r.suspect.ahead
	}
	return r.fillInOrder()
}

func (r *replay) fillInOrder() (ready bool, err error) {
	w := &r.write
	w.reset()
	limit := r.limit
	if r.config.hasRate {
		limit = min(limit, int(min(max(r.config.rate, 1), math.MaxInt32)))
	}
	if r.config.hasBatch {
		limit = min(limit, mostItems)
	}
	if r.suspect.held {
		limit = 1
	}
	at := r.head
	for len(w.items) < limit {
		var end int64
		var ok bool
		if at, end, ok = r.spool.next(at); !ok {
			break
		}
		frame, err := r.reader.read(at.g, at.pos.Offset, end)
		if err != nil {
			if len(w.items) > 0 {
				break // the write comes first
			}
			if at, err = r.spool.skip(at, err); err != nil || r.ended() != nil {
				return false, err
			}
			r.pass(at)
			at = r.head
			continue
		}
		if len(w.items) > 0 && !isLines(frame.Data) {
			break
		}
		if r.spool.isOld(frame) {
			if len(w.items) > 0 {
				break
			}
			r.expire(at, frame)
			if at = r.head; r.ended() != nil {
				break
			}
			continue
		}
		if len(w.items) == 0 {
			r.spool.noteOldest(at.g, frame.Time)
		}
		full := false
		if at, full = r.add(at, frame, limit); len(w.items) == 0 {
			// The user's function panicked.
			_, after := recordAt(at, frame)
			if err := r.setAside(&item{at: at, after: after, time: frame.Time}, errTransform); err != nil {
				return false, err
			}
			at = r.head
			continue
		}
		if full || !r.config.hasBatch || !isLines(frame.Data) {
			break
		}
	}
	return len(w.items) > 0, nil
}

// mostItems bounds the records of a batch, because those that are filtered have no bytes.
const mostItems = 1 << 16

// fillTrial prepares a write of one record behind the suspect. It settles nothing: what it cannot
// use is left to the writes that are in order.
func (r *replay) fillTrial() (ready bool) {
	w := &r.write
	at := r.suspect.trialAt
	for r.ended() == nil {
		var end int64
		var ok bool
		if at, end, ok = r.spool.next(at); !ok {
			return false
		}
		frame, err := r.reader.read(at.g, at.pos.Offset, end)
		var damage *segment.DamageError
		switch {
		case errors.As(err, &damage):
			at.pos = segment.Position{Offset: damage.End}
			continue
		case err != nil:
			return false
		case r.spool.isOld(frame):
			at.pos = segment.Position{Offset: frame.End}
			continue
		}
		w.reset()
		if r.add(at, frame, 1); len(w.buf) > prefix {
			w.kind = further
			if next, _, ok := r.spool.next(r.suspect.ahead); ok && next == at {
				w.kind = ahead
			}
			return true
		}
		_, at = recordAt(at, frame) // filtered, or the user's function panicked
	}
	return false
}

func isLines(p []byte) bool { return len(p) > 0 && p[len(p)-1] == '\n' }

// recordAt returns the record at a place in a frame, and the place behind it.
func recordAt(at place, f segment.Frame) (record []byte, after place) {
	from, to := min(int(at.pos.Taken), len(f.Data)), len(f.Data)
	if isLines(f.Data) && from < to {
		to = from + 1 + bytes.IndexByte(f.Data[from:], '\n')
	}
	after = place{at.g, segment.Position{Offset: f.Offset, Taken: uint32(to)}}
	if to == len(f.Data) {
		after.pos = segment.Position{Offset: f.End}
	}
	return f.Data[from:to:to], after
}

// add adds the records of a frame to the write, from a place on. It returns the place of the first
// record that it did not add, and whether the write is full. It stops at a record for which the
// user's function panics.
func (r *replay) add(at place, frame segment.Frame, limit int) (next place, full bool) {
	w := &r.write
	room := math.MaxInt
	if r.config.hasBatch {
		room = r.config.batch + prefix
		if r.torn {
			room-- // for the newline before the write
		}
	}
	for at.pos.Offset == frame.Offset {
		if len(w.items) >= limit {
			return at, true
		}
		data, after := recordAt(at, frame)
		record, ok := r.transformed(frame.Time, data)
		if !ok {
			return at, true
		}
		missing := len(record) > 0 && isLines(data) && !isLines(record)
		size := len(record)
		if missing {
			size++
		}
		if len(w.items) > 0 && len(w.buf)+size > room {
			return at, true
		}
		w.buf = append(w.buf, record...)
		if missing {
			w.buf = append(w.buf, '\n') // the next record must not be glued to it
		}
		w.items = append(w.items, item{at, after, frame.Time, len(w.buf) - prefix, len(record) == 0})
		at = after
	}
	return at, false
}

var errTransform = errors.New("breakerspool: panic in the function of WithTransform")

// transformed returns a record as the sink gets it. ok is false if the user's function panicked.
func (r *replay) transformed(t time.Time, p []byte) (record []byte, ok bool) {
	if r.config.transform == nil {
		return p, true
	}
	defer func() {
		if recover() != nil {
			record, ok = nil, false
		}
	}()
	r.scratch = append(r.scratch[:0], p...)
	return r.config.transform(Record{t, slices.Clip(r.scratch)}), true
}

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
	w.parts(func(g *part, from, to int) { g.inFlight = int64(to - from) })
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
	w.parts(func(g *part, from, to int) {
		g.inFlight = 0
		for i := from; i < min(to, taken); i++ {
			if w.items[i].filtered {
				s.drop(Drop{Reason: DropFiltered, Records: 1, Age: time.Since(w.items[i].time)})
			} else {
				s.stats.Replayed++
			}
		}
		k := int64(max(min(to, taken)-from, 0))
		g.records -= k
		s.backlog.Add(-k)
		if g.dropped && g.records > 0 {
			s.drop(Drop{Reason: g.reason, Records: uint64(g.records), Age: time.Since(w.items[from].time)})
			s.backlog.Add(-g.records)
			g.records = 0
		}
	})
	if taken > 0 && w.kind == inOrder {
		gone = s.acknowledge(w.items[taken-1].after)
	}
	s.mu.Unlock()
	s.unlink(gone)
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
		gone = append(gone, s.finish())
	}
	if to.g.dropped {
		return gone
	}
	isActive := st.active != nil && st.last() == to.g
	if to.pos.Offset >= to.g.size && (!isActive || to.g.size >= s.config.segmentBytes/2) {
		return append(gone, s.finish())
	}
	if to.pos.Offset >= to.g.size {
		s.dropDamaged(to.g)
	}
	st.acknowledge(to.g, to.pos, max(s.config.maxBytes-s.total(), 0))
	s.syncLater()
	return gone
}

// finish takes the oldest segment, which is settled, from the list.
func (s *Spool) finish() *part {
	g := s.queue.take()
	s.dropDamaged(g)
	return g
}

// dropDamaged gives up the records that are left in the count of a segment which is settled. They
// were damaged after they had been written.
func (s *Spool) dropDamaged(g *part) {
	if g.records > 0 {
		s.drop(Drop{Reason: DropCorrupt, Records: uint64(g.records), Age: time.Since(g.first)})
		s.backlog.Add(-g.records)
		g.records = 0
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
	case at.g.dropped:
	case errors.As(err, &damage):
		if at.g.damage--; at.g.damage < 0 { // Open has not counted it
			s.stats.Corrupt++
			s.drop(Drop{Reason: DropCorrupt, Bytes: damage.End - damage.Offset, Age: time.Since(at.g.first), Err: err})
		}
		at.pos = segment.Position{Offset: damage.End}
		gone = s.acknowledge(at)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, io.ErrUnexpectedEOF):
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

// expire gives up the rest of the frame at the head, which is too old. If the head is a suspect, what
// follows it may be taken already: then only the suspect is given up.
func (r *replay) expire(at place, frame segment.Frame) {
	next, data := place{at.g, segment.Position{Offset: frame.End}}, frame.Data[min(int(at.pos.Taken), len(frame.Data)):]
	if r.suspect.held {
		data, next = recordAt(at, frame)
	}
	s := r.spool
	s.mu.Lock()
	var gone []*part
	if !at.g.dropped && !s.closed {
		records := int64(countRecords(data))
		at.g.records -= records
		s.backlog.Add(-records)
		s.drop(Drop{Reason: DropMaxAge, Records: uint64(records), Bytes: int64(len(data)), Age: time.Since(frame.Time)})
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
	r.suspect = suspect{}
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
