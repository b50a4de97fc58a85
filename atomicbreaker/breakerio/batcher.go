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
// [Writer], on a separate goroutine. [NewBatcher] creates a Batcher. Close and Shutdown end it and
// its Writer. The whole chain is:
//
//	logger → Batcher → Writer → Lane → sink
//
// The sink needs a [Lane] or a deadline. Otherwise a write that hangs never counts as a failure, so
// the breaker does not open. A Lane copies each batch, so set its [WithKeptBuffer] to the batch
// size.
//
// Records in memory are lost if the process dies: at most WithMaxBytes, and about one flush
// interval of records while the sink keeps up. To keep them, put a spool on disk in front of the
// sink.
//
// Properties:
//   - A Batcher is safe for concurrent use.
//   - Write copies the record and returns. It never waits for the sink. Once WithMaxBytes is
//     reached, it writes the record to the Writer's fallback with the reason Busy.
//   - A batch consists of whole records in the order of their writes. It is one write to the
//     Writer: one admission, one outcome, and one write in [Stats].
//   - Both sinks get many records in one write. A sink that expects one record per write, such as a
//     syslog.Writer or zerolog's ConsoleWriter, may keep only the first record and report success.
//   - Write does not return the Writer's error. The Writer reports lost batches as usual, and the
//     next Sync returns an error.
//   - In the steady state nothing is allocated. Memory grows in chunks of WithBatchBytes, and
//     shrinks again.
//   - A Batcher that becomes unreachable writes its records at the next interval and leaves no
//     goroutine behind.
type Batcher struct {
	writer   *Writer
	fallback *onceFallback // the Writer's fallback
	config   batchConfig
	runner   func() // the method value run, which allocates each time it is made

	overflows sync.WaitGroup // overflowing writes to the fallback that are in progress

	mu       sync.Mutex // guards the fields below; held no longer than a copy takes
	closed   bool
	room     int    // bytes that can still be accepted
	filling  *chunk // the batch that takes records; nil or not empty
	due      bool   // filling must be written even if it is not full
	queue    queue  // full batches, oldest first
	inFlight *chunk // the batch that the Writer has
	running  bool   // a goroutine is in run
	waiters  []waiter
	syncs    []waiter // waiters that wait only for the sync of the fallback
	syncing  bool     // a goroutine is in runSyncs
	failed   error    // the latest loss since the last Sync

	ended   chan struct{} // closed when the first Shutdown returns
	outcome error         // the result of Shutdown; valid once ended is closed

	timer *time.Timer
	armed bool
	pool  pool

	sealed, settled     uint64 // records that left filling; records that left memory
	batches, overflowed uint64
}

// BatchStats counts the records and batches of a [Batcher].
type BatchStats struct {
	Records    uint64 // records accepted into a batch
	Batches    uint64 // batches that reached the primary or the fallback, or are lost
	Waiting    uint64 // bytes in memory, including those of the batch being written
	Overflowed uint64 // records that did not fit and went directly to the fallback
}

type batchConfig struct {
	batch, maxBytes int
	interval        time.Duration
}

// BatchOption configures a [Batcher]. If an option is repeated, the last one wins.
type BatchOption func(*batchConfig)

// WithBatchBytes sets the size in bytes at which a batch is written. It must be at least 1. The
// default is 256 KiB. A batch exceeds this size only if it is a single record. Values above
// WithMaxBytes are reduced to WithMaxBytes.
func WithBatchBytes(n int) BatchOption { return func(c *batchConfig) { c.batch = n } }

// WithFlushInterval sets how long the first record of a batch waits at most before the batch is
// written, even if it is not full. It must be positive. The default is 1 s.
func WithFlushInterval(d time.Duration) BatchOption {
	return func(c *batchConfig) { c.interval = d }
}

// WithMaxBytes limits the bytes of records in memory, including those of the batch being written.
// It must be at least 1. The default is 8 MiB. A record that does not fit goes directly to the
// Writer's fallback, and the batch that is being filled is written as soon as the sink is free. A
// record larger than n always goes to the fallback. Use several times WithBatchBytes, because a
// batch counts until the sink has taken it.
func WithMaxBytes(n int) BatchOption { return func(c *batchConfig) { c.maxBytes = n } }

// check panics with a message that lists every option out of range.
func (c *batchConfig) check() {
	var wrong []string
	if c.batch < 1 {
		wrong = append(wrong, fmt.Sprintf("WithBatchBytes(%d): want at least 1", c.batch))
	}
	if c.interval <= 0 {
		wrong = append(wrong, fmt.Sprintf("WithFlushInterval(%v): want more than 0", c.interval))
	}
	if c.maxBytes < 1 {
		wrong = append(wrong, fmt.Sprintf("WithMaxBytes(%d): want at least 1", c.maxBytes))
	}
	if wrong != nil {
		panic("breakerio: NewBatcher: " + strings.Join(wrong, "; "))
	}
}

// NewBatcher returns a Batcher that writes through w. Call it before the first write to w. It makes
// w call its fallback from one goroutine at a time, because overflowing records and batches that
// the primary did not take come from different goroutines. NewBatcher panics if w is nil or already
// has a Batcher, or if an option is out of range.
func NewBatcher(w *Writer, opts ...BatchOption) *Batcher {
	if w == nil {
		panic("breakerio: NewBatcher needs a Writer")
	}
	c := batchConfig{batch: 256 << 10, maxBytes: 8 << 20, interval: time.Second}
	for _, opt := range opts {
		opt(&c)
	}
	c.check()
	if _, taken := w.fallback.(*onceFallback); taken {
		panic("breakerio: NewBatcher: the Writer has a Batcher already")
	}
	c.batch = min(c.batch, c.maxBytes)
	b := &Batcher{
		writer: w, config: c, room: c.maxBytes,
		pool: pool{size: c.batch}, ended: make(chan struct{}),
	}
	b.runner = b.run
	b.fallback = wrapFallback(w)
	w.serialize()
	return b
}

// Write copies p, which is one record, and returns len(p). It adds a newline if p does not end with
// one, and ignores an empty p. If the record does not fit in memory, Write returns the result of
// the fallback. After Close or Shutdown it returns [fs.ErrClosed].
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

// framed returns the size of p including its newline.
func framed(p []byte) int {
	if n := len(p); n > 0 && p[n-1] != '\n' {
		return n + 1
	}
	return len(p)
}

// add appends a record that fits. The caller holds mu.
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

// writeSlow is Write for the first record of a batch, for an empty record, and for a record that is
// not accepted. The caller holds mu; writeSlow releases it.
func (b *Batcher) writeSlow(p []byte, size int) (int, error) {
	if b.closed {
		b.mu.Unlock()
		return 0, fs.ErrClosed
	}
	if size > b.room {
		b.overflowed++
		b.overflows.Add(1)
		if b.filling != nil && !b.due { // writing it makes room
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

// overflow writes a record directly to the fallback.
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

// seal moves filling, if there is one, to the queue. The caller holds mu.
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

// accepted returns the number of records accepted so far. The caller holds mu.
func (b *Batcher) accepted() uint64 {
	if b.filling == nil {
		return b.sealed
	}
	return b.sealed + b.filling.records
}

// Stats returns the counts so far, all from the same instant.
func (b *Batcher) Stats() BatchStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return BatchStats{
		Records: b.accepted(), Batches: b.batches,
		Waiting: uint64(b.config.maxBytes - b.room), Overflowed: b.overflowed,
	}
}
