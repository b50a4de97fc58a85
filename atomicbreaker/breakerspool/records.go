// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"io"
	"iter"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// Record is one record, or the lines of one write.
type Record struct {
	Time time.Time // when it was written into the spool
	Data []byte
}

// Records returns what the spool holds, oldest first: each write that is in the spool, without the
// lines that the sink has taken. Lines that it took in a trial still appear: see Poison in the
// package documentation. Records changes nothing. Data are valid until the next iteration. A part
// of a segment that is damaged or cannot be read is an error, and the iteration goes on behind it.
// Records that are written or taken meanwhile may or may not appear.
func (s *Spool) Records() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		frames := reader{disk: s.disk, store: &s.queue}
		var damage *segment.DamageError // in the loop, it would be allocated for each frame
		for at, end, ok := s.next(place{}); ok; at, end, ok = s.next(at) {
			f, err := frames.read(at.g, at.pos.Offset, end)
			switch {
			case err == nil:
				f.Data = f.Rest(at.pos)
				at.pos = segment.Position{Offset: f.End}
				if !yield(Record{f.Time, f.Data}, nil) {
					return
				}
				continue
			case errors.As(err, &damage):
				at.pos = segment.Position{Offset: damage.End}
			case isMissing(err), errors.Is(err, io.ErrUnexpectedEOF):
				at.pos = segment.Position{Offset: end} // taken or dropped meanwhile
				continue
			default: // the next segment may be readable
				at.pos = segment.Position{Offset: end}
			}
			if !yield(Record{}, err) {
				return
			}
		}
	}
}
