// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// found is what load found beside whole records.
type found struct {
	damaged int // parts
	bytes   int64
	errs    []error // of parts that could not be read
}

// unread notes a part that could not be read.
func (f *found) unread(err error, bytes int64) {
	f.damaged++
	f.bytes += bytes
	f.errs = append(f.errs, fmt.Errorf("breakerspool: %w", err))
}

// load reads a directory. It never fails because of what the files contain.
func (st *store) load() (found, error) {
	var f found
	entries, err := st.disk.ReadDir(st.dir)
	if err != nil {
		return f, err
	}
	logs := make(map[uint64]int64)
	for _, e := range entries {
		for _, suffix := range []string{segmentSuffix, ackSuffix, badSuffix} {
			number, ok := segment.ParseName(e.name, suffix)
			if !ok {
				continue
			}
			// A new segment gets a number above all others. Otherwise an old acknowledgment could
			// be newer than the segment.
			st.next = max(st.next, number+1)
			switch {
			case suffix == ackSuffix && !e.isFile: // a link, which must not be written through
				_ = st.disk.Remove(filepath.Join(st.dir, e.name))
			case !e.isFile:
			case suffix == segmentSuffix:
				st.segments = append(st.segments, &part{number: number, length: e.size})
			case suffix == ackSuffix:
				logs[number] = e.size
			default:
				st.keepUnreadable(e)
			}
		}
	}
	slices.SortFunc(st.segments, func(a, b *part) int { return cmp.Compare(a.number, b.number) })
	// What an earlier process has written may not be durable.
	st.unnamed = true
	kept := st.segments[:0]
	for _, g := range st.segments {
		g.logLength = logs[g.number]
		delete(logs, g.number)
		st.bytes += g.length + g.logLength
		keep, err := st.scan(g, &f)
		if err != nil {
			return f, err
		}
		if keep {
			g.unsynced, g.unsyncedLog = true, g.logLength > 0
			kept = append(kept, g)
		}
	}
	clear(st.segments[len(kept):])
	st.segments = kept
	for number := range logs { // of segments that are gone
		_ = st.disk.Remove(st.name(number, ackSuffix))
	}
	return f, nil
}

// scan reads a segment and its log. keep is false if nothing of it is left to replay.
func (st *store) scan(g *part, f *found) (keep bool, err error) {
	name := st.name(g.number, segmentSuffix)
	header, err := st.read(g, f)
	switch {
	case err != nil && !st.isReadable():
		return false, err // the segment is not the cause
	case err != nil && g.acked.Offset >= g.length: // everything of it was taken
	case err != nil:
		f.unread(err, g.length-g.size)
		if g.isCut = true; g.acked.Offset >= g.size {
			st.keep(g)
			return false, nil
		}
		return true, nil
	case header < segment.HeaderSize:
		// The process or the machine stopped when the segment was created. No record was in it.
		if header > 0 {
			f.damaged++
			f.bytes += int64(header)
		}
	case g.size == 0:
		// Without its salt, no frame can be recognized. The file is kept for people to look at.
		f.damaged++
		f.bytes += g.length
		bad := entry{filepath.Base(st.name(g.number, badSuffix)), g.length, true}
		if err := st.disk.Rename(name, filepath.Join(st.dir, bad.name)); err != nil {
			return false, err
		}
		st.bytes -= g.length + g.logLength
		st.keepUnreadable(bad)
		_ = st.disk.Remove(st.name(g.number, ackSuffix))
		return false, nil
	case g.acked.Offset < g.size:
		return true, nil
	}
	st.remove(g)
	return false, nil
}

// read reads the files of a segment, and returns how many bytes its header has. The size of the
// part stays 0 if the header is damaged.
func (st *store) read(g *part, f *found) (header int, err error) {
	r, err := st.disk.Open(st.name(g.number, segmentSuffix))
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }()
	var buf [segment.HeaderSize]byte
	if header, err = r.ReadAt(buf[:], 0); header < len(buf) {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return header, err
	}
	salt, ok := segment.ParseHeader(buf[:])
	if !ok {
		return header, nil
	}
	g.sums = salt.Sums()
	g.acked = segment.Position{Offset: segment.HeaderSize}
	if g.logLength > 0 {
		if err := st.readLog(g); err != nil && !st.isReadable() {
			return header, err
		} else if err != nil { // the largest position that was read counts
			f.unread(err, g.logLength)
		}
	}
	return header, st.count(g, r, f)
}

func (st *store) keepUnreadable(e entry) {
	st.unreadable = append(st.unreadable, e)
	st.bytes += e.size
}

// count reads the frames of a segment, and cuts a damaged tail off.
func (st *store) count(g *part, r file, f *found) error {
	g.size = segment.HeaderSize
	st.frames.Reset(r, g.sums, segment.HeaderSize, g.length)
	var damage *segment.DamageError // in the loop, it would be allocated for each frame
	for {
		frame, err := st.frames.Next()
		switch {
		case err == nil:
			g.size = frame.End
			rest := frame.Rest(g.acked)
			if n := segment.CountRecords(rest); n > 0 {
				if g.records == 0 {
					g.first = frame.Time
				}
				g.records += int64(n)
				g.bytes += int64(len(rest))
				g.last = frame.Time
			}
		case errors.As(err, &damage):
			f.damaged++
			f.bytes += damage.End - damage.Offset
			if !damage.Tail {
				g.damage++
			} else if w, err := st.disk.Edit(st.name(g.number, segmentSuffix)); err == nil {
				if w.Truncate(g.size) == nil {
					st.bytes -= g.length - g.size
					g.length = g.size
				}
				_ = w.Close()
			}
		case errors.Is(err, io.EOF):
			return nil
		default:
			return err
		}
	}
}
