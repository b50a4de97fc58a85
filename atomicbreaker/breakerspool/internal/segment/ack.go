// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"errors"
	"io"
)

// Position is how far a segment is acknowledged: everything before Offset, and the first Taken
// bytes of the data of the frame at Offset.
type Position struct {
	Offset int64
	Taken  uint32
}

// Less reports whether p is before q.
func (p Position) Less(q Position) bool {
	return p.Offset < q.Offset || p.Offset == q.Offset && p.Taken < q.Taken
}

// AppendAck appends an entry for the log of acknowledgments. The entry will be at the given offset
// of the log.
func AppendAck(buf []byte, s Sums, offset int64, p Position) []byte {
	start := len(buf)
	buf = binary.LittleEndian.AppendUint64(buf, uint64(p.Offset))
	buf = binary.LittleEndian.AppendUint32(buf, p.Taken)
	return binary.LittleEndian.AppendUint32(buf, s.at(offset).of(buf[start:]))
}

// LastAck reads a log of acknowledgments and returns the largest position of the entries that
// check. Without one it returns the start of the segment.
func LastAck(r io.ReaderAt, s Sums) (Position, error) {
	last := Position{Offset: HeaderSize}
	var buf [256 * AckSize]byte
	for offset := int64(0); ; offset += int64(len(buf)) {
		n, err := r.ReadAt(buf[:], offset)
		for i := 0; i+AckSize <= n; i += AckSize {
			entry := buf[i : i+AckSize]
			const summed = AckSize - 4
			if s.at(offset+int64(i)).of(entry[:summed]) != binary.LittleEndian.Uint32(entry[summed:]) {
				continue
			}
			p := Position{int64(binary.LittleEndian.Uint64(entry)), binary.LittleEndian.Uint32(entry[8:])}
			if last.Less(p) {
				last = p
			}
		}
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return last, err
		}
	}
}
