// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// The spool looks at the free space of the disk, and whether its files are still there, before each
// segment, and by the first write after so many bytes or so much time.
const (
	proveEvery = 1 << 20
	proveAfter = time.Second
)

// prepare makes a store ready for a frame of n bytes: within the limits, and with a segment that
// has room.
func (s *Spool) prepare(st *store, n int64, now time.Time) error {
	if st.closed {
		return fmt.Errorf("breakerspool: %s: %w", s.dir, fs.ErrClosed)
	}
	begins := !st.fits(n, s.config.segmentBytes)
	if s.unproven += n; begins || s.low || s.unproven >= proveEvery || now.Sub(s.proven) >= proveAfter {
		s.dropMissing()
		begins = !st.fits(n, s.config.segmentBytes)
		if st == &s.queue { // a record that is set aside makes room in the queue
			s.proven = now
			if err := s.proveFree(n); err != nil {
				return err
			}
		}
	}
	for {
		needed := n
		if begins {
			needed += segment.HeaderSize
		}
		if s.fits(needed) {
			break
		}
		if err := s.makeRoom(st, needed); err != nil {
			return err
		}
		if !begins && st.active == nil {
			begins = true // the active segment was the oldest one
		}
	}
	if begins {
		if err := s.begin(st); err != nil {
			return fmt.Errorf("breakerspool: %w", err)
		}
	}
	return nil
}

// begin begins a new segment. The directory rejected may have been deleted to make room. That of
// the spool is not created again: it would have no lock.
func (s *Spool) begin(st *store) error {
	err := st.begin()
	if st == &s.rejected && isMissing(err) && s.disk.Exists(s.dir) {
		if err = s.disk.MkdirAll(st.dir); err == nil {
			err = st.begin()
		}
	}
	return err
}

// dropMissing gives up the segments whose files were removed from outside, and leaves a segment
// whose name leads to another file. Otherwise records would go to a file that nobody can read.
func (s *Spool) dropMissing() {
	for _, st := range []*store{&s.queue, &s.rejected} {
		if len(st.segments) == 0 {
			continue
		}
		first, last := st.name(st.segments[0].number, segmentSuffix), st.name(st.last().number, segmentSuffix)
		if st.active != nil && !st.disk.Is(last, st.active) {
			st.seal() // Replay finds out what the other file holds
		}
		if st.disk.Exists(first) && st.disk.Exists(last) {
			continue
		}
		for _, g := range st.takeMissing() {
			s.stats.Corrupt++
			if st == &s.queue {
				s.giveUp(g, DropCorrupt, fmt.Errorf("breakerspool: %s: %w", st.name(g.number, segmentSuffix), fs.ErrNotExist))
			}
			st.remove(g)
		}
	}
}

// total returns the bytes of all files.
func (s *Spool) total() int64 { return s.queue.bytes + s.rejected.bytes }

// fits reports whether the files may grow by n bytes.
func (s *Spool) fits(n int64) bool { return s.total()+n <= s.config.maxBytes-ackReserve }

// makeRoom deletes the oldest files until n more bytes fit into a store. What replays no more goes
// first. The queue gives nothing up for a record that is set aside. One file that cannot be deleted
// may be one that is being read. With two, nothing else is given up for them.
func (s *Spool) makeRoom(st *store, n int64) error {
	s.queue.clean()
	s.rejected.clean()
	for !s.fits(n) {
		switch {
		case len(s.queue.garbage)+len(s.rejected.garbage) > 1:
			return fmt.Errorf("breakerspool: %s: %w: %d bytes of files, and some cannot be deleted",
				s.dir, ErrDiskFull, s.total())
		case s.forgetUnreadable(&s.queue), s.forgetUnreadable(&s.rejected):
		case len(s.rejected.segments) > 0:
			s.forgetRejected()
		case len(s.queue.segments) > 0 && st == &s.queue:
			s.dropSegment(0, DropMaxBytes)
		case len(s.queue.segments) > 0:
			return fmt.Errorf("breakerspool: %s: %w: %d bytes of files, WithMaxBytes(%d)",
				s.dir, ErrDiskFull, s.total(), s.config.maxBytes)
		default:
			return fmt.Errorf("breakerspool: %s: %w: %d bytes of files cannot be deleted", s.dir, ErrDiskFull, s.total())
		}
	}
	return nil
}

// forgetUnreadable deletes the first file that could not be read and can be deleted.
func (s *Spool) forgetUnreadable(st *store) bool {
	for i, e := range st.unreadable {
		name := filepath.Join(st.dir, e.name)
		if err := s.disk.Remove(name); err != nil && !isMissing(err) {
			continue
		}
		st.unreadable = slices.Delete(st.unreadable, i, i+1)
		st.bytes -= e.size
		s.drop(Drop{Reason: DropMaxBytes, Bytes: e.size, Err: fmt.Errorf("breakerspool: %s: deleted to make room", name)})
		return true
	}
	return false
}

// forgetRejected deletes the oldest segment of rejected records. They count as dropped since they
// were set aside.
func (s *Spool) forgetRejected() {
	g := s.rejected.take(0)
	if g.records > 0 {
		s.drop(Drop{
			Reason: DropMaxBytes, Bytes: g.bytes, Age: age(g.first),
			Err: fmt.Errorf("breakerspool: %s: deleted to make room", s.rejected.name(g.number, segmentSuffix)),
		})
	}
	s.rejected.remove(g)
}

// dropSegment gives up a segment of the queue.
func (s *Spool) dropSegment(i int, reason DropReason) {
	g := s.queue.take(i)
	s.giveUp(g, reason, nil)
	if g.isCut && reason == DropMaxAge { // what could not be read may be newer
		s.queue.keep(g)
		return
	}
	s.queue.remove(g)
}

// giveUp counts the records of a segment that is no longer in the queue. A record that Replay is
// writing counts when its write has ended.
func (s *Spool) giveUp(g *part, reason DropReason, err error) {
	records, bytes := g.records-g.inFlight, g.bytes-g.bytesInFlight
	g.records, g.bytes, g.reason = g.inFlight, g.bytesInFlight, reason
	s.backlog.Add(-records)
	if records > 0 {
		s.drop(Drop{Reason: reason, Records: uint64(records), Bytes: bytes, Age: age(g.first), Err: err})
	}
}

// age returns the age of a record. The clock may have been set back since the record was written.
func age(written time.Time) time.Duration { return max(time.Since(written), 0) }

// dropOld gives up the segments whose last record is too old. After the clock was set back, such a
// segment may stand behind one that is not too old.
func (s *Spool) dropOld(now time.Time) {
	st := &s.queue
	if s.config.maxAge == 0 || now.Sub(st.earliest) <= s.config.maxAge {
		return
	}
	earliest := now
	for i := 0; i < len(st.segments); {
		g := st.segments[i]
		isSettled := g.records == 0 && i == 0 && len(st.segments) > 1
		isOld := g.records > 0 && now.Sub(g.last) > s.config.maxAge
		switch {
		case isSettled || isOld:
			s.dropSegment(i, DropMaxAge)
			continue
		case g.records > 0 && g.last.Before(earliest):
			earliest = g.last
		}
		i++
	}
	st.earliest = earliest
}

// proveFree looks at the disk's free space.
func (s *Spool) proveFree(n int64) error {
	s.unproven = 0
	free, known := s.disk.Free(s.dir)
	s.low = known && free-n < s.config.minFree
	if s.low && s.config.minFree > 0 {
		return fmt.Errorf("breakerspool: %s: %w: %d bytes free, WithMinFree(%d)", s.dir, ErrDiskFull, free, s.config.minFree)
	}
	s.low = false
	return nil
}
