// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Frame is a frame that checks. Data is valid until the next call of the Reader.
type Frame struct {
	Offset, End int64 // in the segment
	Time        time.Time
	Data        []byte
}

// DamageError says that the bytes from Offset to End are no frame. If Tail is set, no frame
// follows.
type DamageError struct {
	Offset, End int64
	Tail        bool
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("damaged: %d bytes from offset %d", e.End-e.Offset, e.Offset)
}

// readAhead is how much a Reader reads at once, unless a frame is larger.
const readAhead = 64 << 10

// Reader reads the frames of a segment in order. It skips damage and reports it. It is not safe for
// concurrent use.
type Reader struct {
	source io.ReaderAt
	sums   Sums
	offset int64 // of the next frame
	end    int64 // where the segment ends

	buf   []byte // holds the segment from start on
	start int64
}

// Reset makes the Reader read the frames from an offset to the end of a segment. It keeps the
// buffer.
func (r *Reader) Reset(source io.ReaderAt, s Sums, offset, end int64) {
	*r = Reader{source: source, sums: s, offset: offset, end: end, buf: r.buf[:0], start: offset}
}

// Extend notes that the segment has grown. The Reader keeps what it has read.
func (r *Reader) Extend(end int64) { r.end = end }

// MoveTo makes the Reader continue at an offset of the same segment.
func (r *Reader) MoveTo(offset int64) { r.offset = offset }

// Next returns the next frame. At the end of the segment the error is io.EOF. If the next bytes are
// no frame, the error is a *DamageError, and the next call continues after the damage. Any other
// error is one of the source, and the next call tries again.
func (r *Reader) Next() (Frame, error) {
	if r.offset >= r.end {
		return Frame{}, io.EOF
	}
	h, ok, err := r.header(r.offset)
	if err != nil {
		return Frame{}, err
	}
	if !ok {
		return Frame{}, r.skip(r.offset + 1)
	}
	end := r.offset + FrameHeaderSize + int64(h.length)
	p, err := r.bytes(r.offset+FrameHeaderSize, int(h.length))
	if err != nil {
		return Frame{}, err
	}
	if h.sum.of(p) != h.crc {
		return Frame{}, r.skip(end)
	}
	f := Frame{Offset: r.offset, End: end, Time: time.Unix(0, h.time), Data: p}
	r.offset = end
	return f, nil
}

// skip moves to the first frame at or after an offset, and returns the damage before it.
func (r *Reader) skip(from int64) error {
	damage := &DamageError{Offset: r.offset}
	for ; from < r.end; from++ {
		_, ok, err := r.header(from)
		if err != nil {
			return err
		}
		if ok {
			break
		}
	}
	damage.End, damage.Tail = from, from >= r.end
	r.offset = from
	return damage
}

// header returns the header of the frame at an offset. ok is false if there is no frame: the header
// does not check, or the data do not fit into the segment.
func (r *Reader) header(offset int64) (h frameHeader, ok bool, err error) {
	if r.end-offset < FrameHeaderSize {
		return h, false, nil
	}
	p, err := r.bytes(offset, FrameHeaderSize)
	if err != nil {
		return h, false, err
	}
	h, ok = parseFrameHeader(p, r.sums, offset)
	return h, ok && int64(h.length) <= r.end-offset-FrameHeaderSize, nil
}

// bytes returns n bytes of the segment, which has them. They are valid until the next call.
func (r *Reader) bytes(offset int64, n int) ([]byte, error) {
	if offset < r.start || offset+int64(n) > r.start+int64(len(r.buf)) {
		if err := r.fill(offset, n); err != nil {
			return nil, err
		}
	}
	at := offset - r.start
	return r.buf[at : at+int64(n)], nil
}

// fill reads at least n bytes from an offset on.
func (r *Reader) fill(offset int64, n int) error {
	want := int(min(int64(max(n, readAhead)), r.end-offset))
	if cap(r.buf) < want || cap(r.buf) > readAhead && want <= readAhead {
		r.buf = make([]byte, want, max(want, min(2*want, readAhead))) // a small segment may grow
	}
	r.start, r.buf = offset, r.buf[:want]
	got, err := r.source.ReadAt(r.buf, offset)
	r.buf = r.buf[:got]
	if got >= n {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the file has become shorter
	}
	return err
}
