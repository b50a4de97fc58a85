// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"context"
	"errors"
	"time"
)

// Close is Shutdown with 5 s.
func (b *Batcher) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	return b.Shutdown(ctx)
}

// Shutdown refuses new records, writes those that wait, and shuts the Writer down. Stop the logger
// first.
//
// If ctx ends before the sink has taken everything, the batches that wait and then the one that is being
// written go to the fallback before it is closed. The latter counts as late in [Stats], because the sink
// may still take it. Shutdown returns an error then. It waits up to a second longer than ctx for the
// fallback; what is not done by then goes on by itself.
//
// Later calls wait for the first and return its result, or the error of their own context.
func (b *Batcher) Shutdown(ctx context.Context) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		select {
		case <-b.ended:
			return b.outcome
		case <-ctx.Done():
			return b.errorf("shutdown: still under way: %w", ctx.Err())
		}
	}
	b.closed = true
	defer close(b.ended)
	b.seal()
	if b.timer != nil {
		b.timer.Stop()
	}
	settled := make(chan error, 1)
	if b.settled == b.accepted() {
		settled <- b.failed
	} else {
		settled = b.wait(false)
	}
	b.mu.Unlock()

	gaveUp, err := patience(ctx, 0, settled)
	if gaveUp {
		err = b.errorf("shutdown: %w", err)
	}
	ended := make(chan error, 1)
	go b.end(ctx, gaveUp, ended)
	overdue, more := patience(ctx, grace, ended)
	if overdue {
		more = b.errorf("shutdown: fallback: %w", more)
	}
	b.outcome = errors.Join(err, more)
	return b.outcome
}

// patience waits for a result, until ctx has ended and a grace period is over. A result that is there
// wins.
func patience(ctx context.Context, grace time.Duration, result chan error) (gaveUp bool, err error) {
	select {
	case err := <-result:
		return false, err
	default:
	}
	select {
	case err := <-result:
		return false, err
	case <-ctx.Done():
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case err := <-result:
		return false, err
	case <-timer.C:
		return true, ctx.Err()
	}
}

// end is what Shutdown does once the batches are written or given up. It has time left for the Writer
// even if ctx has ended, so that a primary that closes at once closes before the fallback.
func (b *Batcher) end(ctx context.Context, gaveUp bool, ended chan error) {
	var err error
	defer func() {
		_ = recover()
		ended <- err
	}()
	if gaveUp {
		b.abandon()
	}
	overflowed := make(chan error, 1)
	go func() {
		b.overflows.Wait()
		overflowed <- nil
	}()
	_, _ = patience(ctx, grace/4, overflowed) // a fallback that hangs does not keep the primary open
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), grace/2)
		defer cancel()
	}
	err = errUnwound
	err = b.writer.Shutdown(ctx)
}

// abandon brings what waits, and then the batch in flight, to the fallback.
func (b *Batcher) abandon() {
	b.mu.Lock()
	waiting := b.queue
	b.queue = queue{}
	b.mu.Unlock()
	for c := waiting.pop(); c != nil; c = waiting.pop() {
		b.divert(c)
	}
	b.mu.Lock()
	c := b.flying
	b.flying = nil
	b.mu.Unlock()
	if c != nil {
		b.writer.countLate()
		b.divert(c)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.ready() { // the goroutine that writes may be held by the sink
		w.done <- b.failed
	}
}

// divert brings a batch to the fallback, on a goroutine of its own because the fallback may end it.
func (b *Batcher) divert(c *chunk) {
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		_, err = b.writer.busy(c.data)
		err = b.writer.settle(c.data, err)
	}()
	<-done
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle(c, err)
}
