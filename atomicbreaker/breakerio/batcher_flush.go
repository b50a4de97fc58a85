// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// settleTimeout limits how long Sync waits, and how long Close waits for the primary.
const settleTimeout = 5 * time.Second

// grace is how long Shutdown still waits for the fallback after its context has ended.
const grace = time.Second

// errUnwound is the result of a call of the Writer that did not return.
var errUnwound = errors.New("breakerio: the writer panicked or called runtime.Goexit")

// waiter waits until a number of records have left memory.
type waiter struct {
	records uint64
	sync    bool       // then wait until the Writer is synced
	done    chan error // of capacity 1
	err     error      // the result so far
}

// wait registers a waiter for the records accepted so far and starts to write them. The caller
// holds mu.
func (b *Batcher) wait(sync bool) chan error {
	done := make(chan error, 1)
	b.waiters = append(b.waiters, waiter{records: b.accepted(), sync: sync, done: done})
	b.due = b.filling != nil
	b.start()
	return done
}

// start starts the goroutine that writes, unless it is running. The caller holds mu.
func (b *Batcher) start() {
	if !b.running {
		b.running = true
		go b.runner()
	}
}

// arm starts the timer, unless it is running. The timer keeps running when a batch is written
// early; tick checks the age of the batch that it finds. The caller holds mu.
func (b *Batcher) arm(d time.Duration) {
	switch {
	case b.armed:
	case b.timer == nil:
		b.timer = time.AfterFunc(d, b.tick)
	default:
		b.timer.Reset(d)
	}
	b.armed = true
}

// tick is the timer's function.
func (b *Batcher) tick() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = false
	b.pool.trim()
	if b.filling == nil {
		return
	}
	if left := b.config.interval - time.Since(b.filling.since); left > 0 {
		b.arm(left)
		return
	}
	// Leave the batch open until the goroutine takes it. Sealing a batch at each interval while the
	// sink hangs would fill the memory with nearly empty chunks.
	b.due = true
	b.start()
}

// run writes batches until there is nothing to do. If the sink ends the goroutine, run starts
// another.
func (b *Batcher) run() {
	ended := false
	defer func() {
		if !ended {
			go b.runner()
		}
	}()
	for {
		c, ready := b.next()
		switch {
		case c != nil:
			b.deliver(c)
		case ready != nil:
			b.notify(ready)
		default:
			ended = true
			return
		}
	}
}

// next returns a batch to write, or waiters whose records have all left memory. If there is
// neither, it clears running.
func (b *Batcher) next() (*chunk, []waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if ready := b.ready(); ready != nil {
		return nil, ready
	}
	if b.queue.head == nil && b.due {
		b.seal()
	}
	c := b.queue.pop()
	if c == nil {
		b.running = false
		return nil, nil
	}
	b.inFlight = c
	b.fallback.begin(c.data)
	return c, nil
}

// ready removes and returns the waiters whose records have all left memory. Waiters are in order.
// The caller holds mu.
func (b *Batcher) ready() []waiter {
	n := 0
	for n < len(b.waiters) && b.waiters[n].records <= b.settled {
		n++
	}
	if n == 0 {
		return nil
	}
	ready := slices.Clone(b.waiters[:n])
	b.waiters = slices.Delete(b.waiters, 0, n)
	return ready
}

// deliver writes a batch and recovers from a panic. If Shutdown took the batch in the meantime, the
// batch is already settled: the Writer may have rejected it only because Shutdown closed the
// Writer.
func (b *Batcher) deliver(c *chunk) {
	returned, removed := false, false
	lost := b.writer.guard.Stats().Lost
	var err error
	defer func() {
		_ = recover() // the Writer has diverted the batch, and counted it
		if !returned {
			err = b.lossSince(lost)
		}
		if removed || b.removeInFlight(c) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.settle(c, err)
			b.pool.put(c)
		}
	}()
	_, err = b.writer.Write(c.data)
	returned = true
	if err == nil {
		return
	}
	if removed = b.removeInFlight(c); removed {
		err = b.writer.settle(c.data, err)
	}
}

// lossSince returns the error of a write that did not return: nil if the Writer has lost nothing
// since Stats counted the given losses. A loss may also be that of a record that overflowed.
func (b *Batcher) lossSince(lost uint64) error {
	if b.writer.guard.Stats().Lost == lost {
		return nil
	}
	return errUnwound
}

// removeInFlight ends the flight of a batch that the Writer is done with. It returns false if
// Shutdown has already taken the batch.
func (b *Batcher) removeInFlight(c *chunk) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inFlight != c {
		return false
	}
	b.inFlight = nil
	b.fallback.begin(nil)
	return true
}

// settle counts a batch that has left memory. The caller holds mu.
func (b *Batcher) settle(c *chunk, err error) {
	b.batches++
	b.settled += c.records
	b.room += len(c.data)
	if err != nil {
		b.failed = err
	}
}

// notify sends the outcome to waiters. For waiters with sync set, it first syncs the primary, in
// order with the batches, and then passes them on to be notified after a sync of the fallback.
func (b *Batcher) notify(ready []waiter) {
	b.mu.Lock()
	lost := b.failed
	b.failed = nil
	b.mu.Unlock()
	var err error
	defer func() {
		_ = recover()
		for _, w := range ready {
			w.err = errors.Join(lost, err)
			if w.sync && !b.writer.guard.Closed() {
				b.syncFallback(w)
			} else {
				w.done <- w.err
			}
		}
	}()
	if slices.ContainsFunc(ready, func(w waiter) bool { return w.sync }) {
		err = errUnwound
		err = b.writer.syncPrimary()
	}
}

// syncFallback syncs the fallback for w on a goroutine that all such waiters share. A fallback that
// hangs blocks that goroutine, but not the batches that the primary takes.
func (b *Batcher) syncFallback(w waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.syncs = append(b.syncs, w)
	if !b.syncing {
		b.syncing = true
		go b.runSyncs()
	}
}

// runSyncs syncs the fallback until no waiter is left. If the fallback ends the goroutine, runSyncs
// starts another.
func (b *Batcher) runSyncs() {
	ended := false
	defer func() {
		if !ended {
			go b.runSyncs()
		}
	}()
	for {
		b.mu.Lock()
		ready := b.syncs
		b.syncs = nil
		b.syncing = ready != nil
		b.mu.Unlock()
		if ready == nil {
			ended = true
			return
		}
		b.syncFor(ready)
	}
}

// syncFor syncs the fallback once and notifies the waiters.
func (b *Batcher) syncFor(ready []waiter) {
	err := errUnwound
	defer func() {
		_ = recover()
		for _, w := range ready {
			w.done <- errors.Join(w.err, err)
		}
	}()
	err = b.writer.syncFallback()
}

// Sync writes all records accepted before it, and syncs the Writer. It returns when each of these
// records has reached the primary or the fallback or is lost, or with an error after 5 s. The error
// includes the latest loss since the previous Sync. After Close it is [fs.ErrClosed].
func (b *Batcher) Sync() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return fs.ErrClosed
	}
	done := b.wait(true)
	b.mu.Unlock()
	timer := time.NewTimer(settleTimeout)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		b.forget(done)
		return b.errorf("sync: not settled after %v: %w", settleTimeout, context.DeadlineExceeded)
	}
}

// forget removes a waiter from the lists.
func (b *Batcher) forget(done chan error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	is := func(w waiter) bool { return w.done == done }
	b.waiters = slices.DeleteFunc(b.waiters, is)
	b.syncs = slices.DeleteFunc(b.syncs, is)
}

func (b *Batcher) errorf(format string, args ...any) error {
	args = append([]any{b.writer.breaker.Name()}, args...)
	return fmt.Errorf("breakerio: batcher of %q: "+format, args...)
}
