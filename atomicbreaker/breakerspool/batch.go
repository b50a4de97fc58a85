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
	buf     []byte // begins with a newline, for a sink that is torn
	items   []item
	isTrial bool // see suspect
}

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
	trial := r.suspect.trialNext
	ready, err = r.fillFrom(r.start(), trial)
	if trial && !ready && err == nil { // the suspect is the last record
		r.suspect.trialNext = false
		return r.fillFrom(r.start(), false)
	}
	return ready, err
}

func (r *replay) fillFrom(at place, trial bool) (ready bool, err error) {
	w := &r.write
	w.reset()
	w.isTrial = trial
	limit := r.limit
	if r.config.hasRate {
		limit = min(limit, int(min(max(r.config.rate, 1), math.MaxInt32)))
	}
	if trial || r.suspect.isHeld() {
		limit = 1
	}
	r.reader.disk, r.reader.store = r.spool.disk, &r.spool.queue
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
			if at, err = r.spool.skip(at, err); err != nil {
				return false, err
			}
			continue
		}
		if len(w.items) > 0 && !isLines(frame.Data) {
			break
		}
		if maxAge := r.spool.config.maxAge; maxAge > 0 && time.Since(frame.Time) > maxAge {
			if len(w.items) > 0 {
				break
			}
			next := place{at.g, segment.Position{Offset: frame.End}}
			r.spool.expire(at, next, frame)
			r.spool.report()
			at = next
			continue
		}
		full := false
		if at, full = r.add(at, frame, limit); full || !r.config.hasBatch || !isLines(frame.Data) {
			break
		}
	}
	return len(w.items) > 0, nil
}

func isLines(p []byte) bool { return len(p) > 0 && p[len(p)-1] == '\n' }

// add adds the records of a frame to the write, from a place on. It returns the place of the first
// record that it did not add, and whether the write is full.
func (r *replay) add(at place, frame segment.Frame, limit int) (next place, full bool) {
	w := &r.write
	data := slices.Clip(frame.Data)
	from := min(int(at.pos.Taken), len(data))
	for from < len(data) {
		if len(w.items) >= limit {
			return at, true
		}
		to := len(data)
		if isLines(data) {
			to = from + 1 + bytes.IndexByte(data[from:], '\n')
		}
		after := place{at.g, segment.Position{Offset: frame.Offset, Taken: uint32(to)}}
		if to == len(data) {
			after.pos = segment.Position{Offset: frame.End}
		}
		record, ok := r.transformed(frame.Time, data[from:to])
		if !ok {
			if len(w.items) == 0 {
				w.items = append(w.items, item{at: at, after: after, time: frame.Time, end: prefix})
				r.setAside(0, errTransform)
				w.items = w.items[:0]
			}
			return at, true
		}
		missing := len(record) > 0 && isLines(data) && !isLines(record)
		size := len(record)
		if missing {
			size++
		}
		if r.config.hasBatch && len(w.items) > 0 && len(w.buf)-prefix+size > r.config.batch {
			return at, true
		}
		w.buf = append(w.buf, record...)
		if missing {
			w.buf = append(w.buf, '\n') // the next record must not be glued to it
		}
		w.items = append(w.items, item{at, after, frame.Time, len(w.buf) - prefix, len(record) == 0})
		at, from = after, to
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

// claim marks the records of a write as in flight. It returns false if a limit has dropped one.
func (s *Spool) claim(w *write) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range w.items {
		if w.items[i].at.g.dropped {
			return false
		}
	}
	w.parts(func(g *part, from, to int) { g.inFlight = int64(to - from) })
	return true
}

// settle forgets the first records of a write, which the sink took. A record whose segment was
// dropped meanwhile counts now.
func (s *Spool) settle(w *write, taken int) {
	var gone []*part
	s.mu.Lock()
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
			s.drop(Drop{Reason: DropMaxBytes, Records: uint64(g.records), Age: time.Since(w.items[from].time)})
			s.backlog.Add(-g.records)
			g.records = 0
		}
	})
	if taken > 0 && !w.isTrial {
		gone = s.acknowledge(w.items[taken-1].after)
		if taken < len(w.items) {
			w.items[taken].at.g.first = w.items[taken].time
		}
	}
	s.mu.Unlock()
	s.unlink(gone)
}

// acknowledge notes that everything before a place is settled. It returns the segments that hold
// nothing else; the caller unlinks them without the lock.
func (s *Spool) acknowledge(to place) (gone []*part) {
	st := &s.queue
	if st.closed {
		return nil // another process may have the directory by now
	}
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
	st.acknowledge(to.g, to.pos, s.config.maxBytes-s.total())
	s.syncLater()
	return gone
}

// finish takes the oldest segment, which is settled, from the list. Records that are left in its
// count were damaged after they had been written.
func (s *Spool) finish() *part {
	g := s.queue.take()
	if g.records > 0 {
		s.drop(Drop{Reason: DropCorrupt, Records: uint64(g.records), Age: time.Since(g.first)})
		s.backlog.Add(-g.records)
		g.records = 0
	}
	return g
}

func (s *Spool) unlink(gone []*part) {
	for _, g := range gone {
		err := s.queue.unlink(g)
		s.mu.Lock()
		s.queue.account(g, err)
		s.mu.Unlock()
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

// expire gives up the rest of a frame, which is too old.
func (s *Spool) expire(at, next place, frame segment.Frame) {
	records := recordsAfter(frame, at.pos)
	s.mu.Lock()
	var gone []*part
	if !at.g.dropped {
		at.g.records -= int64(records)
		s.backlog.Add(-int64(records))
		s.drop(Drop{
			Reason: DropMaxAge, Records: uint64(records), Bytes: int64(len(frame.Data)) - int64(at.pos.Taken),
			Age: time.Since(frame.Time),
		})
		gone = s.acknowledge(next)
	}
	s.mu.Unlock()
	s.unlink(gone)
}

// start returns the place from which to fill the next write.
func (r *replay) start() place {
	if r.suspect.isHeld() && r.spool.isDropped(r.suspect.at.g) {
		r.pass(r.suspect.at) // moves behind what was taken in trials
	}
	if r.suspect.trialNext {
		return r.suspect.ahead
	}
	return r.head
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
	if r.write.isTrial {
		r.suspect.ahead = after
		return
	}
	r.pass(after)
}

// pass moves the head to a place, or behind the records that were taken before it.
func (r *replay) pass(to place) {
	r.head = to
	if ahead := r.suspect.ahead; r.suspect.isHeld() && to.less(ahead) {
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
