// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"fmt"
	"io/fs"
	"path/filepath"
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
		s.proven = now
		s.dropMissing()
		begins = !st.fits(n, s.config.segmentBytes)
		if err := s.proveFree(n); err != nil {
			return err
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
		if err := s.makeRoom(needed); err != nil {
			return err
		}
		if !begins && st.active == nil {
			begins = true // the active segment was the oldest one
		}
	}
	if begins {
		if err := st.begin(); err != nil {
			return fmt.Errorf("breakerspool: %w", err)
		}
	}
	return nil
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

// makeRoom drops the oldest files until n more bytes fit. What replays no more goes first. One file
// that cannot be deleted may be one that is being read. With two, nothing else is given up for them.
func (s *Spool) makeRoom(n int64) error {
	s.queue.clean()
	s.rejected.clean()
	for !s.fits(n) {
		switch {
		case len(s.queue.garbage)+len(s.rejected.garbage) > 1:
			return fmt.Errorf("breakerspool: %s: %w: %d bytes of files, and some cannot be deleted",
				s.dir, ErrDiskFull, s.total())
		case s.forgetUnreadable(&s.queue), s.forgetUnreadable(&s.rejected):
		case len(s.rejected.segments) > 0:
			s.rejected.remove(s.rejected.take())
		case len(s.queue.segments) > 0:
			s.dropOldest(DropMaxBytes)
		default:
			return fmt.Errorf("breakerspool: %s: %w: %d bytes of files cannot be deleted", s.dir, ErrDiskFull, s.total())
		}
	}
	return nil
}

func (s *Spool) forgetUnreadable(st *store) bool {
	if len(st.unreadable) == 0 {
		return false
	}
	e := st.unreadable[0]
	st.unreadable = st.unreadable[1:]
	_ = s.disk.Remove(filepath.Join(st.dir, e.name))
	st.bytes -= e.size
	return true
}

// dropOldest gives up the oldest segment of the queue.
func (s *Spool) dropOldest(reason DropReason) {
	g := s.queue.take()
	s.giveUp(g, reason, nil)
	s.queue.remove(g)
}

// giveUp counts the records of a segment that is no longer in the queue. A record that Replay is
// writing counts when its write has ended.
func (s *Spool) giveUp(g *part, reason DropReason, err error) {
	records := g.records - g.inFlight
	g.records, g.reason = g.inFlight, reason
	s.backlog.Add(-records)
	if records > 0 {
		s.drop(Drop{
			Reason: reason, Records: uint64(records), Bytes: g.size - g.acked.Offset, Age: time.Since(g.first), Err: err,
		})
	}
}

// dropOld gives up the segments whose last record is too old.
func (s *Spool) dropOld(now time.Time) {
	if s.config.maxAge == 0 {
		return
	}
	for len(s.queue.segments) > 0 {
		g := s.queue.segments[0]
		isSettled := g.records == 0 && len(s.queue.segments) > 1
		if !isSettled && (g.records == 0 || now.Sub(g.last) <= s.config.maxAge) {
			return
		}
		s.dropOldest(DropMaxAge)
	}
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
