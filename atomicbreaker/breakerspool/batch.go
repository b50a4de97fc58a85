// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"errors"
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
	size     int  // of its data in the spool
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

// size returns the bytes that a range of the items has in the spool.
func (w *write) size(from, to int) (n int64) {
	for i := from; i < to; i++ {
		n += int64(w.items[i].size)
	}
	return n
}

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
			if at, err = r.skip(at, err); err != nil || r.ended() != nil {
				return false, err
			}
			r.pass(at)
			at = r.head
			continue
		}
		r.unread = 0
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
		case err != nil: // the next segment may be readable
			at.pos = segment.Position{Offset: end}
			continue
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
		room = r.config.batch
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
		if len(w.items) > 0 && len(w.buf)-prefix+size > room {
			return at, true
		}
		w.buf = append(w.buf, record...)
		if missing {
			w.buf = append(w.buf, '\n') // the next record must not be glued to it
		}
		w.items = append(w.items, item{at, after, frame.Time, len(data), len(w.buf) - prefix, len(record) == 0})
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
