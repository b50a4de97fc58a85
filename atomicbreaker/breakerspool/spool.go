// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// Spool is a queue of records on disk. Use it as the fallback of a breakerio.Writer, and bring the
// records back with [Spool.Replay]. All methods are safe for concurrent use.
type Spool struct {
	dir    string
	config config
	disk   disk
	lock   *flock.Flock

	// backlog is the number of records in the spool, plus the writes in progress.
	backlog atomic.Int64

	// arrived has a value after a write, if Replay waits for one.
	arrived  chan struct{}
	idle     atomic.Bool
	replays  atomic.Bool
	ended    chan struct{} // closed by Close
	syncTurn chan struct{} // of capacity 1: held by the sync in progress

	mu       sync.Mutex
	closed   bool
	queue    store
	rejected store
	stats    Stats
	drops    []Drop // not yet reported
	unproven int64  // bytes written since the disk was looked at
	proven   time.Time
	low      bool // there was too little free space
	syncing  *time.Timer
	syncErr  error // of a sync in the background, until somebody is told

	deleting sync.WaitGroup // segments that Replay is deleting
	cursor   cursor         // Replay owns it
}

// The spool looks at the free space of the disk, and whether its files are still there, before each
// segment, and by the first write after so many bytes or so much time.
const (
	proveEvery = 1 << 20
	proveAfter = time.Second
)

// Open opens the spool in a directory, and creates the directory if it is not there. It reads all
// segments, cuts off what a crash left unfinished, and counts damage; bad data is never a reason to
// fail. Only one Spool at a time can have a directory open: see [ErrInUse].
func Open(dir string, opts ...Option) (*Spool, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		return nil, errors.New("breakerspool: Open of an empty name: want a directory")
	}
	disk := osDisk{}
	if err := disk.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("breakerspool: %w", err)
	}
	lock, err := acquire(dir)
	if err != nil {
		return nil, err
	}
	s, err := load(dir, c, disk)
	if err != nil {
		_ = lock.Unlock()
		return nil, err
	}
	s.lock = lock
	return s, nil
}

// load makes a Spool of the files in a directory that the caller has locked.
func load(dir string, c config, d disk) (*Spool, error) {
	s := &Spool{
		dir: dir, config: c, disk: d,
		arrived: make(chan struct{}, 1), ended: make(chan struct{}), syncTurn: make(chan struct{}, 1),
		unproven: proveEvery,
	}
	durable := c.sync.mode != syncNever
	s.queue = store{disk: d, dir: dir, durable: durable, syncs: c.sync.mode == syncAlways}
	// A record that is set aside leaves the queue, where it is durable.
	s.rejected = store{disk: d, dir: filepath.Join(dir, "rejected"), durable: durable, syncs: durable}
	if err := d.MkdirAll(s.rejected.dir); err != nil {
		return nil, fmt.Errorf("breakerspool: %w", err)
	}
	for _, st := range []*store{&s.queue, &s.rejected} {
		f, err := st.load()
		if err != nil {
			return nil, fmt.Errorf("breakerspool: %w", err)
		}
		s.stats.Corrupt += uint64(f.damaged)
		if f.damaged > 0 {
			s.drop(Drop{Reason: DropCorrupt, Bytes: f.bytes})
		}
	}
	for _, g := range s.queue.segments {
		s.backlog.Add(g.records)
	}
	s.dropOld(time.Now())
	_ = s.makeRoom(0) // the limit may be lower than before
	if len(s.queue.segments) > 0 {
		s.syncLater()
	}
	s.report()
	return s, nil
}

// Write appends one record, or a batch of lines. When it returns without an error, the record
// survives the death of the process, and with [SyncAlways] also a loss of power. With an error the
// record is not in the spool: n is 0, and the error matches [ErrDiskFull], [ErrTooLarge],
// [fs.ErrClosed] or that of the operating system. An empty p is no record. Write does not keep p,
// and does not allocate unless p is larger than any record before it.
func (s *Spool) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	s.backlog.Add(1)
	s.mu.Lock()
	err := s.append(p)
	records := int64(0)
	if err == nil {
		records = int64(countRecords(p))
		s.stats.Appended += uint64(records)
	}
	s.backlog.Add(records - 1)
	hasDrops := len(s.drops) > 0
	s.mu.Unlock()
	if hasDrops {
		s.report()
	}
	if err != nil {
		return 0, err
	}
	if s.idle.Load() {
		select {
		case s.arrived <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// append appends a record to the queue. The caller holds the lock.
func (s *Spool) append(p []byte) error {
	if s.closed {
		return fmt.Errorf("breakerspool: %s: %w", s.dir, fs.ErrClosed)
	}
	frame := segment.FrameHeaderSize + int64(len(p))
	const overhead = segment.HeaderSize + segment.FrameHeaderSize + ackReserve
	if most := min(s.config.maxBytes-overhead, segment.MaxData); int64(len(p)) > most {
		return fmt.Errorf("breakerspool: %s: %w: %d bytes, the limit is %d", s.dir, ErrTooLarge, len(p), most)
	}
	now := time.Now()
	s.dropOld(now)
	if err := s.prepare(&s.queue, frame, now); err != nil {
		return err
	}
	if err := s.queue.append(p, now.Round(0)); err != nil { // records have no monotonic clock
		return fmt.Errorf("breakerspool: %w", err)
	}
	s.syncLater()
	return nil
}

// syncLater starts the interval of SyncInterval.
func (s *Spool) syncLater() {
	if s.config.sync.mode == syncInterval && s.syncing == nil {
		s.syncing = time.AfterFunc(s.config.sync.interval, s.syncInBackground)
	}
}

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

// dropMissing gives up the segments whose files were removed from outside. Otherwise records would
// go to a file that nobody can read.
func (s *Spool) dropMissing() {
	for _, st := range []*store{&s.queue, &s.rejected} {
		if st.active == nil || st.disk.Exists(st.name(st.last().number, segmentSuffix)) {
			continue
		}
		st.seal()
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

// Sync makes all records durable that were written before.
func (s *Spool) Sync() error {
	s.syncTurn <- struct{}{}
	defer func() { <-s.syncTurn }()
	err := s.sync()
	s.mu.Lock()
	err = errors.Join(s.syncErr, err)
	s.syncErr = nil
	s.mu.Unlock()
	return err
}

func (s *Spool) syncInBackground() {
	s.syncTurn <- struct{}{}
	defer func() { <-s.syncTurn }()
	s.mu.Lock()
	s.syncing = nil
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return
	}
	if err := s.sync(); err != nil {
		s.mu.Lock()
		s.syncErr = err
		s.mu.Unlock()
	}
}

// sync syncs the files that have records which are not durable. Writes go on meanwhile. The caller
// has the turn.
func (s *Spool) sync() error {
	s.mu.Lock()
	files, names := s.queue.dirty()
	aside, asideNames := s.rejected.dirty()
	s.mu.Unlock()
	var errs []error
	for _, name := range slices.Concat(files, aside) {
		errs = append(errs, s.disk.Sync(name))
	}
	if names {
		errs = append(errs, s.disk.SyncDir(s.queue.dir))
	}
	if asideNames {
		errs = append(errs, s.disk.SyncDir(s.rejected.dir))
	}
	if err := errors.Join(errs...); err != nil {
		// What the failed sync covered may be lost if the machine loses power. Later records go to a
		// new segment, because the state of this one's pages is unknown.
		s.mu.Lock()
		s.queue.seal()
		s.queue.unnamed = s.queue.unnamed || names
		s.rejected.seal()
		s.rejected.unnamed = s.rejected.unnamed || asideNames
		s.mu.Unlock()
		return fmt.Errorf("breakerspool: %w", err)
	}
	return nil
}

// Close ends Replay, makes all records durable and closes the files. What is in the spool stays
// there. Writes that begin later return [fs.ErrClosed]; so does a second Close.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("breakerspool: %s: %w", s.dir, fs.ErrClosed)
	}
	s.closed = true
	if s.syncing != nil {
		s.syncing.Stop()
	}
	close(s.ended)
	s.mu.Unlock()
	err := s.Sync()
	s.mu.Lock()
	for _, st := range []*store{&s.queue, &s.rejected} {
		st.close()
	}
	s.mu.Unlock()
	s.deleting.Wait()
	if s.lock != nil {
		err = errors.Join(err, s.lock.Unlock())
	}
	return err
}
