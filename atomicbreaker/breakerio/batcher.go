// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"
)

// Batcher is an io.Writer that collects records in memory and writes them in batches through a
// [Writer], on a goroutine of its own. [NewBatcher] makes it; Close or Shutdown ends it, and the
// Writer with it. The whole chain is:
//
//	logger → Batcher → Writer → Lane → sink
//
// Without a [Lane], or a sink that has its own deadline, a write that never returns never counts as
// a failure, and the breaker never opens. A Lane copies each batch, so give it [WithKeptBuffer] of the
// batch size.
//
// What waits in memory dies with the process: at most WithMaxBytes, and in normal operation what one
// flush interval brings. To keep it, put a spool on disk before the sink.
//
// Properties:
//   - Any goroutine may call any method at any time.
//   - Write copies the record and returns. It never waits for the sink. Past WithMaxBytes it writes
//     the record to the Writer's fallback, for the reason Busy.
//   - A batch consists of whole records, in the order of their writes. It is one write to the Writer:
//     one admission, one outcome, one in [Stats].
//   - Both sinks get many records in one write. A sink that takes one record per write, such as a
//     syslog.Writer or zerolog's ConsoleWriter, may keep the first record alone and report success.
//   - The Writer's error does not reach the caller that logged. Lost batches are reported as the
//     Writer reports them, and by the next Sync.
//   - Steady state allocates nothing. Memory grows in chunks of WithBatchBytes, and shrinks again.
//   - A Batcher that is dropped writes what it has at the next interval, and leaves no goroutine.
type Batcher struct {
	writer *Writer
	spare  *spare // the writer's fallback
	config batchConfig
	runner func() // run, as a value: a method value allocates each time it is made

	overflows sync.WaitGroup // writes to the fallback that are under way

	mu      sync.Mutex // protects what follows, for as long as a copy takes
	closed  bool
	room    int    // bytes that may still be accepted
	filling *chunk // takes records; nil or not empty
	due     bool   // filling must be written although it is not full
	queue   queue  // full ones, oldest first
	flying  *chunk // the Writer has it
	running bool   // there is a goroutine in run
	waiters []waiter
	syncs   []waiter // those that wait only for the fallback to be synced
	syncing bool     // there is a goroutine in runSyncs
	failed  error    // why a batch was lost, since the last Sync

	ended   chan struct{} // closed when Shutdown returns
	outcome error         // valid then

	timer *time.Timer
	armed bool
	pool  pool

	sealed, settled     uint64 // records that left filling, and those that left memory
	batches, overflowed uint64
}

// BatchStats counts what went through a [Batcher].
type BatchStats struct {
	Records    uint64 // records accepted into a batch
	Batches    uint64 // batches that left memory: to the primary, the fallback, or lost
	Waiting    uint64 // bytes in memory, those of the batch that is being written included
	Overflowed uint64 // records that went straight to the fallback, because too much was waiting
}

type batchConfig struct {
	batch, most int
	interval    time.Duration
}

// BatchOption configures a [Batcher]. If an option is repeated, the last one wins.
type BatchOption func(*batchConfig)

// WithBatchBytes sets the size in bytes at which a batch is written: at least 1, default 256 KiB. No
// batch is larger, unless a single record is. More than WithMaxBytes counts as WithMaxBytes.
func WithBatchBytes(n int) BatchOption { return func(c *batchConfig) { c.batch = n } }

// WithFlushInterval sets the age of its first record at which a batch is written although it is not
// full: more than 0, default 1 s.
func WithFlushInterval(d time.Duration) BatchOption { return func(c *batchConfig) { c.interval = d } }

// WithMaxBytes sets how many bytes of records may wait in memory, those of the batch that is being
// written included: at least 1, default 8 MiB. A record that does not fit goes straight to the
// Writer's fallback, and the batch that is being filled is then written as soon as the sink is free. A
// record that is larger than n always goes to the fallback. Allow several times WithBatchBytes,
// because a batch counts until the sink has taken it.
func WithMaxBytes(n int) BatchOption { return func(c *batchConfig) { c.most = n } }

// check panics with every option that is out of range.
func (c *batchConfig) check() {
	var wrong []string
	if c.batch < 1 {
		wrong = append(wrong, fmt.Sprintf("WithBatchBytes(%d): want at least 1", c.batch))
	}
	if c.interval <= 0 {
		wrong = append(wrong, fmt.Sprintf("WithFlushInterval(%v): want more than 0", c.interval))
	}
	if c.most < 1 {
		wrong = append(wrong, fmt.Sprintf("WithMaxBytes(%d): want at least 1", c.most))
	}
	if wrong != nil {
		panic("breakerio: NewBatcher: " + strings.Join(wrong, "; "))
	}
}

// NewBatcher returns a Batcher that writes through w. Make it before the first write to w: from then
// on w calls its fallback from one goroutine at a time, because records past WithMaxBytes and batches
// that the primary refused come from different ones. It panics if w is nil or has a Batcher already, or
// if an option is out of range.
func NewBatcher(w *Writer, opts ...BatchOption) *Batcher {
	if w == nil {
		panic("breakerio: NewBatcher needs a Writer")
	}
	c := batchConfig{batch: 256 << 10, most: 8 << 20, interval: time.Second}
	for _, opt := range opts {
		opt(&c)
	}
	c.check()
	if _, taken := w.fallback.(*spare); taken {
		panic("breakerio: NewBatcher: the Writer has a Batcher already")
	}
	c.batch = min(c.batch, c.most)
	b := &Batcher{writer: w, config: c, room: c.most, pool: pool{size: c.batch}, ended: make(chan struct{})}
	b.runner = b.run
	b.spare = spareOf(w)
	w.serialize()
	return b
}

// Write copies p, one record, and returns len(p). A newline is added if p does not end with one; an
// empty p is no record. Where the record does not fit, the result is that of the fallback. After
// Close or Shutdown the error is [fs.ErrClosed].
func (b *Batcher) Write(p []byte) (int, error) {
	size := framed(p)
	b.mu.Lock()
	c := b.filling
	if c == nil || size > cap(c.data)-len(c.data) || size > b.room || size == 0 {
		return b.writeSlow(p, size)
	}
	b.add(c, p, size)
	b.mu.Unlock()
	return len(p), nil
}

// framed returns the size of p with its newline.
func framed(p []byte) int {
	if n := len(p); n > 0 && p[n-1] != '\n' {
		return n + 1
	}
	return len(p)
}

// add appends a record that fits.
func (b *Batcher) add(c *chunk, p []byte, size int) {
	c.data = append(c.data, p...)
	if size > len(p) {
		c.data = append(c.data, '\n')
	}
	c.records++
	b.room -= size
	if len(c.data) == cap(c.data) {
		b.seal()
	}
}

// writeSlow is Write for the first record of a batch, and for one that is not accepted. It unlocks.
func (b *Batcher) writeSlow(p []byte, size int) (int, error) {
	if b.closed {
		b.mu.Unlock()
		return 0, fs.ErrClosed
	}
	if size > b.room {
		b.overflowed++
		b.overflows.Add(1)
		if b.filling != nil && !b.due { // what waits in it makes room once it is written
			b.due = true
			b.start()
		}
		b.mu.Unlock()
		return b.overflow(p, size)
	}
	defer b.mu.Unlock()
	if size == 0 {
		return 0, nil
	}
	b.seal()
	b.filling = b.pool.get(size)
	b.filling.since = time.Now()
	b.arm(b.config.interval)
	b.add(b.filling, p, size)
	return len(p), nil
}

var frames = sync.Pool{New: func() any { return new([]byte) }}

// overflow writes a record to the fallback.
func (b *Batcher) overflow(p []byte, size int) (int, error) {
	defer b.overflows.Done()
	if size == len(p) {
		return b.writer.busy(p)
	}
	frame := frames.Get().(*[]byte)
	defer frames.Put(frame)
	*frame = append(append((*frame)[:0], p...), '\n')
	n, err := b.writer.busy(*frame)
	return min(n, len(p)), err
}

// seal moves filling, if there is one, to the queue.
func (b *Batcher) seal() {
	b.due = false
	if b.filling == nil {
		return
	}
	b.sealed += b.filling.records
	b.queue.push(b.filling)
	b.filling = nil
	b.start()
}

// accepted returns the number of records accepted so far.
func (b *Batcher) accepted() uint64 {
	if b.filling == nil {
		return b.sealed
	}
	return b.sealed + b.filling.records
}

// Stats returns the counts so far, all of one instant.
func (b *Batcher) Stats() BatchStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return BatchStats{
		Records: b.accepted(), Batches: b.batches, Waiting: uint64(b.config.most - b.room), Overflowed: b.overflowed,
	}
}
