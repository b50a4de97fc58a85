// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// store is a directory of segments. The spool has two: the queue, and the records that are set
// aside. The spool's lock guards it.
type store struct {
	disk     disk
	dir      string
	segments []*part   // oldest first
	active   file      // of the last segment; nil: the next record begins a new segment
	next     uint64    // number of the next segment
	bytes    int64     // of all files
	earliest time.Time // no last record of a segment is older
	buf      []byte
	frames   segment.Reader
	closed   bool

	durable bool // files survive a loss of power, and so does their order
	syncs   bool // each record is durable when append returns
	unnamed bool // names of files, new or removed, are not durable

	unreadable []entry // files that are kept, and not replayed
	garbage    []*part // segments that could not be deleted yet
}

// part is a segment in a store.
type part struct {
	number uint64
	sums   segment.Sums
	size   int64 // where its last whole frame ends
	length int64 // of the file; more than size if damage could not be cut off

	records       int64 // not yet taken
	bytes         int64 // of their data
	inFlight      int64 // of the records, being written to the sink
	bytesInFlight int64
	first, last   time.Time
	damage        int  // damaged parts that are counted
	isCut         bool // what follows size could not be read, and is kept

	acked     segment.Position
	log       file // of the acknowledgments; nil: not open
	logLength int64
	logNext   int64 // where its next entry goes
	dropped   bool

	reason                DropReason // why it was dropped
	unsynced, unsyncedLog bool       // the file is not durable
	doubt                 error      // of a sync that failed: its records may never be durable
}

const (
	segmentSuffix = segment.FileSuffix
	ackSuffix     = segment.AckSuffix
	badSuffix     = segment.BadSuffix
)

func (st *store) name(number uint64, suffix string) string {
	return filepath.Join(st.dir, segment.Name(number, suffix))
}

// fits reports whether the active segment has room for a frame of n bytes.
func (st *store) fits(n, segmentBytes int64) bool {
	return st.active != nil && st.last().size+n <= segmentBytes
}

func (st *store) last() *part { return st.segments[len(st.segments)-1] }

// begin begins a new segment.
func (st *store) begin() error {
	st.seal()
	st.clean()
	if st.next >= segment.Numbers {
		return fmt.Errorf("%s: no number is left for a segment", st.dir)
	}
	var salt segment.Salt
	_, _ = rand.Read(salt[:]) // never fails
	g := &part{
		number: st.next, sums: salt.Sums(), size: segment.HeaderSize, length: segment.HeaderSize,
		acked: segment.Position{Offset: segment.HeaderSize}, unsynced: !st.syncs,
	}
	st.next++ // even if this fails: the number may be in use then
	name := st.name(g.number, segmentSuffix)
	f, err := st.disk.Create(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(segment.AppendHeader(nil, salt), 0)
	if err == nil && st.syncs {
		err = st.disk.SyncDir(st.dir) // the first record syncs the file
	}
	if err != nil {
		_ = f.Close()
		_ = st.disk.Remove(name)
		return err
	}
	st.segments = append(st.segments, g)
	st.active = f
	st.bytes += g.length
	st.unnamed = st.unnamed || !st.syncs
	return nil
}

// seal ends the active segment.
func (st *store) seal() {
	if st.active != nil {
		_ = st.active.Close()
		st.active = nil
	}
}

// close closes all files. The store changes none from then on.
func (st *store) close() {
	st.closed = true
	st.seal()
	for _, g := range st.segments {
		if g.log != nil {
			_ = g.log.Close()
			g.log = nil
		}
	}
}

// append writes one frame to the active segment, which has room for it. After an error the record
// is not in the store.
func (st *store) append(p []byte, now time.Time) error {
	g := st.last()
	st.buf = segment.AppendFrame(st.buf[:0], g.sums, g.size, now.UnixNano(), p)
	n, err := st.active.WriteAt(st.buf, g.size)
	if cap(st.buf) > keptBuffer {
		st.buf = nil
	}
	if err != nil {
		st.cut(g, n)
		return err
	}
	if st.syncs {
		if err := st.active.Sync(); err != nil {
			st.cut(g, n)
			st.seal() // after a failed sync, the state of its pages is unknown
			return err
		}
	}
	g.size += segment.FrameHeaderSize + int64(len(p))
	st.bytes += g.size - g.length
	g.length = g.size
	if g.records == 0 {
		g.first = now
	}
	g.last = now
	if now.Before(st.earliest) {
		st.earliest = now // the clock was set back
	}
	g.records += int64(segment.CountRecords(p))
	g.bytes += int64(len(p))
	g.unsynced = g.unsynced || !st.syncs
	return nil
}

// keptBuffer is the largest buffer that is kept for the next record.
const keptBuffer = 1 << 20

// cut removes the n bytes that a failed write left behind the last frame.
func (st *store) cut(g *part, n int) {
	if st.active.Truncate(g.size) == nil {
		return
	}
	// The frame may be there as a whole. Zeros over its header keep it from being read.
	var zeros [segment.FrameHeaderSize]byte
	_, _ = st.active.WriteAt(zeros[:], g.size)
	n = max(n, len(zeros))
	st.bytes += g.size + int64(n) - g.length
	g.length = g.size + int64(n)
	st.seal()
}

// take removes a segment from the list. The caller deletes its files.
func (st *store) take(i int) *part {
	g := st.segments[i]
	if g == st.last() {
		st.seal()
	}
	g.dropped = true
	st.segments = slices.Delete(st.segments, i, i+1)
	return g
}

// takeMissing removes the segments from the list whose files are gone. The last one is sealed.
func (st *store) takeMissing() (gone []*part) {
	st.segments = slices.DeleteFunc(st.segments, func(g *part) bool {
		if st.disk.Exists(st.name(g.number, segmentSuffix)) {
			return false
		}
		g.dropped = true
		gone = append(gone, g)
		return true
	})
	return gone
}

// remove deletes the files of a segment.
func (st *store) remove(g *part) { st.account(g, st.unlink(g)) }

// unlink deletes the files of a segment that is no longer in the list. It needs no lock. A log
// without its segment is harmless; a segment without its log is replayed again. So the segment goes
// first.
func (st *store) unlink(g *part) error {
	if g.log != nil {
		_ = g.log.Close()
		g.log = nil
	}
	if err := st.disk.Remove(st.name(g.number, segmentSuffix)); err != nil && !isMissing(err) {
		return err
	}
	if st.durable {
		_ = st.disk.SyncDir(st.dir)
	}
	_ = st.disk.Remove(st.name(g.number, ackSuffix))
	return nil
}

// account takes the result of unlink.
func (st *store) account(g *part, err error) {
	if err != nil {
		st.garbage = append(st.garbage, g) // Windows deletes no open file
		return
	}
	st.bytes -= g.length + g.logLength
	st.unnamed = true
}

// clean deletes what could not be deleted before.
func (st *store) clean() {
	garbage := st.garbage
	st.garbage = nil
	for _, g := range garbage {
		st.remove(g)
	}
}
