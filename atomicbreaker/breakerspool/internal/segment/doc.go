// SPDX-License-Identifier: Apache-2.0

// Package segment is the on-disk format of a spool: segments of framed records, and logs of
// acknowledgments. It reads and builds bytes. It opens no file, and keeps nothing in memory but
// the frame in hand.
//
// # Segment
//
// A segment starts with a header of 48 bytes. All numbers are little-endian.
//
//	magic   8 bytes   "abspool1"
//	salt   16 bytes   random, different in every segment
//	crc     4 bytes   of the salt
//	salt   16 bytes   the same again
//	crc     4 bytes   of the salt
//
// A damaged copy of the salt is recognized by its checksum, and the other copy is used. Frames
// follow:
//
//	length   4 bytes   of the data
//	crc      4 bytes   of the data
//	time     8 bytes   nanoseconds since the Unix epoch
//	crc      4 bytes   of the 16 bytes above
//	data
//
// Each checksum is a CRC-32C that begins with the salt and the offset of the frame. Bytes in a
// record therefore do not check as a frame, even if the record contains a copy of a segment, and a
// frame does not check at another offset. Because the header has its own checksum, the search for
// the next frame after damage costs a constant time per byte.
//
// # Acknowledgments
//
// The log of a segment's acknowledgments has entries of 16 bytes:
//
//	offset   8 bytes   everything before this offset is acknowledged
//	taken    4 bytes   and so are the first bytes of the data of the frame at the offset
//	crc      4 bytes   of the 12 bytes above
//
// The checksum begins with the salt of the segment and the offset of the entry, so the log of
// another segment with the same number does not check. The largest position counts. A lost or
// damaged log means that records are replayed again, never that one is lost.
package segment
