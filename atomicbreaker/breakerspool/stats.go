// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Test for these with [errors.Is].
var (
	// ErrInUse matches the error of [Open] if another process, or another Spool of this process,
	// has the directory open. The error names the holder.
	ErrInUse = errors.New("in use")

	// ErrTooLarge matches the error of [Spool.Write] for a record that is larger than the spool.
	ErrTooLarge = errors.New("record too large")

	// ErrDiskFull matches the error of [Spool.Write] while less is free than [WithMinFree] says, or
	// if files cannot be deleted to stay below [WithMaxBytes]. It also matches [Drop.Err] of a
	// rejected record for which WithMaxBytes leaves no room.
	ErrDiskFull = errors.New("disk full")
)

// Stats counts records and bytes. If a write ends with a newline, each of its lines is a record;
// otherwise the whole write is one.
type Stats struct {
	Records uint64    // in the spool, not yet taken by the sink
	Bytes   int64     // of all files, including records that are set aside
	Oldest  time.Time // when the oldest record was written; zero without one

	Appended uint64 // written since Open
	Replayed uint64 // taken by the sink
	Repeated uint64 // offered to the sink again, after a write that failed
	Dropped  uint64 // given up: see DropReason
	Corrupt  uint64 // damaged or unreadable parts of segments, of one or more records each
}

// DropReason says why the spool gave up records.
type DropReason uint8

// The reasons.
const (
	DropMaxBytes DropReason = iota // WithMaxBytes: an unreadable file, rejected records, or a segment
	DropMaxAge                     // WithMaxAge
	DropCorrupt                    // the records were damaged, unreadable, or their file was removed
	DropRejected                   // the sink refused them; they are in rejected unless Err says why not
	DropFiltered                   // the function of WithTransform returned nothing
	dropReasons
)

var dropReasonNames = [...]string{"max bytes", "max age", "corrupt", "rejected", "filtered"}

// String returns "max bytes", "max age", "corrupt", "rejected" or "filtered".
func (r DropReason) String() string {
	if r < dropReasons {
		return dropReasonNames[r]
	}
	return fmt.Sprintf("DropReason(%d)", uint8(r))
}

// Drop describes records that the spool gave up. If Records is 0, it describes a damaged part of a
// segment, an unreadable file that was deleted to make room, or rejected records that were: those
// were counted when they were set aside. An unreadable file is one named .bad, or a segment with an
// I/O error. The records of such a segment come back if the next Open can read them.
type Drop struct {
	Dir     string // the spool's
	Reason  DropReason
	Records uint64
	Bytes   int64         // of the records' data, of the damaged part, or of the file
	Age     time.Duration // of the oldest record; 0 if its time is in the future
	Err     error         // the sink's, or what is damaged or deleted; may be nil
}

// drop notes records that are given up. report passes them on, outside the lock.
func (s *Spool) drop(d Drop) {
	d.Dir = s.dir
	s.stats.Dropped += d.Records
	if s.config.onDrop != nil {
		s.drops = append(s.drops, d)
	}
}

// report calls the function of WithOnDrop. The caller does not hold the lock.
func (s *Spool) report() {
	if s.config.onDrop == nil {
		return
	}
	s.mu.Lock()
	drops := s.drops
	s.drops = nil
	s.mu.Unlock()
	for _, d := range drops {
		s.reportOne(d)
	}
}

func (s *Spool) reportOne(d Drop) {
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(os.Stderr, "breakerspool: %s: panic in OnDrop: %v\n", s.dir, v)
		}
	}()
	s.config.onDrop(d)
}

// Stats returns the current counts.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	if !s.closed {
		s.dropOld(time.Now())
	}
	stats := s.stats
	stats.Bytes = s.queue.bytes + s.rejected.bytes
	for _, g := range s.queue.segments {
		stats.Records += uint64(g.records)
	}
	for _, g := range s.queue.segments {
		if g.records > 0 {
			stats.Oldest = g.first
			break
		}
	}
	s.mu.Unlock()
	s.report()
	return stats
}
