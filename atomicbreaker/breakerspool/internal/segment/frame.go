// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"hash/crc32"
)

// Sizes in bytes.
const (
	HeaderSize      = 48 // of a segment's header
	FrameHeaderSize = 20
	AckSize         = 16 // of an entry in a log of acknowledgments
	SaltSize        = 16
)

// MaxData is the largest number of bytes in a frame.
const MaxData = 1<<31 - 1

const magic = "abspool1"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Salt is the random number of a segment.
type Salt [SaltSize]byte

// Sums computes the checksums of one segment.
type Sums struct{ salted uint32 }

// Sums returns the checksums of the segment with this salt.
func (s Salt) Sums() Sums { return Sums{crc32.Update(0, castagnoli, s[:])} }

// at begins the checksums of the frame or entry at an offset.
func (s Sums) at(offset int64) sum {
	// The loop is crc32.Update of the offset's bytes. Update would move them to the heap.
	crc := ^s.salted
	for range 8 {
		crc = castagnoli[byte(crc)^byte(offset)] ^ crc>>8
		offset >>= 8
	}
	return sum(^crc)
}

// sum is the checksum of a salt and an offset. A frame has two that begin with it.
type sum uint32

func (s sum) of(p []byte) uint32 { return crc32.Update(uint32(s), castagnoli, p) }

// AppendHeader appends the header of a segment.
func AppendHeader(buf []byte, salt Salt) []byte {
	buf = append(buf, magic...)
	for range 2 {
		buf = append(buf, salt[:]...)
		buf = binary.LittleEndian.AppendUint32(buf, salt.Sums().salted)
	}
	return buf
}

// ParseHeader returns the salt in the header of a segment. ok is false if neither copy of the salt
// checks. The magic is not compared, so that a flipped bit in it costs no record.
func ParseHeader(header []byte) (salt Salt, ok bool) {
	if len(header) < HeaderSize {
		return salt, false
	}
	for at := len(magic); at < HeaderSize; at += SaltSize + 4 {
		copy(salt[:], header[at:])
		if salt.Sums().salted == binary.LittleEndian.Uint32(header[at+SaltSize:]) {
			return salt, true
		}
	}
	return Salt{}, false
}

// AppendFrame appends the frame of one record, which will be at the given offset of its segment.
// time is in nanoseconds since the Unix epoch.
func AppendFrame(buf []byte, s Sums, offset, time int64, data []byte) []byte {
	start, crc := len(buf), s.at(offset)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(data)))
	buf = binary.LittleEndian.AppendUint32(buf, crc.of(data))
	buf = binary.LittleEndian.AppendUint64(buf, uint64(time))
	buf = binary.LittleEndian.AppendUint32(buf, crc.of(buf[start:]))
	return append(buf, data...)
}

// frameHeader is a decoded header that checks.
type frameHeader struct {
	length, crc uint32
	time        int64
	sum         sum
}

// parseFrameHeader decodes the header of the frame at an offset. ok is false if it does not check.
func parseFrameHeader(p []byte, s Sums, offset int64) (h frameHeader, ok bool) {
	const summed = FrameHeaderSize - 4
	if len(p) < FrameHeaderSize {
		return h, false
	}
	h.sum = s.at(offset)
	if h.sum.of(p[:summed]) != binary.LittleEndian.Uint32(p[summed:]) {
		return h, false
	}
	h.length = binary.LittleEndian.Uint32(p)
	h.crc = binary.LittleEndian.Uint32(p[4:])
	h.time = int64(binary.LittleEndian.Uint64(p[8:]))
	return h, h.length <= MaxData
}
