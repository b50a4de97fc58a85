// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
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
	syncErr  error // of a sync in the background; the next Sync or Close returns it

	deleting sync.WaitGroup // segments that Replay is deleting
	cursor   cursor         // Replay owns it
}

// Open opens the spool in a directory, and creates the directory if it is not there. It reads all
// segments, cuts off what a crash left unfinished, and counts damage; bad data is never a reason to
// fail, nor is a file that cannot be read. A relative name counts from the working directory at the
// time of Open. Only one Spool at a time can have a directory open: see [ErrInUse].
func Open(dir string, opts ...Option) (*Spool, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		return nil, errors.New("breakerspool: Open of an empty name: want a directory")
	}
	// The process may change its working directory later.
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("breakerspool: %w", err)
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
			s.drop(Drop{Reason: DropCorrupt, Bytes: f.bytes, Err: errors.Join(f.errs...)})
		}
	}
	for _, g := range s.queue.segments {
		s.backlog.Add(g.records)
	}
	s.dropOld(time.Now())
	_ = s.makeRoom(&s.queue, 0) // the limit may be lower than before
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
		records = int64(segment.CountRecords(p))
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

// Close ends Replay, makes all records durable and closes the files. What is in the spool stays
// there. Writes that begin later return [fs.ErrClosed]; so does a second Close.
//
// Close does not wait for a write of Replay in the sink. The records of that write stay in the
// spool, and the next Spool of the directory repeats them, perhaps while the write still goes on.
// To avoid that, end the context of Replay and wait until it returns, then call Close.
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
