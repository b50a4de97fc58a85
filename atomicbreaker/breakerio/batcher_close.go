// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"context"
	"errors"
	"time"
)

// Close calls Shutdown with a timeout of 5 s.
func (b *Batcher) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	return b.Shutdown(ctx)
}

// Shutdown rejects all further records, writes those in memory, and shuts down the Writer. Stop the
// logger first.
//
// If ctx ends before the sink has taken everything, Shutdown writes the waiting batches and then
// the batch being written to the fallback before it closes the fallback, and returns an error. The
// batch being written counts as late in [Stats], because the sink may still take it. If the sink
// does not, or a [Lane] counts that batch too, Late is one too high. Shutdown waits for the
// fallback for up to a second after ctx has ended. Work that is not finished by then continues in
// the background.
//
// Later calls wait for the first one and return its result, or the error of their own context.
func (b *Batcher) Shutdown(ctx context.Context) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		select {
		case <-b.ended:
			return b.outcome
		case <-ctx.Done():
			return b.errorf("shutdown: still in progress: %w", ctx.Err())
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

	gaveUp, err := await(ctx, 0, settled)
	if gaveUp {
		err = b.errorf("shutdown: %w", err)
	}
	ended := make(chan error, 1)
	go b.end(ctx, gaveUp, ended)
	overdue, more := await(ctx, grace, ended)
	if overdue {
		more = b.errorf("shutdown: fallback: %w", more)
	}
	b.outcome = errors.Join(err, more)
	return b.outcome
}

// await waits for a result until ctx has ended and then for the grace period. A result that is
// already available wins.
func await(ctx context.Context, grace time.Duration, result chan error) (gaveUp bool, err error) {
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

// end finishes Shutdown once the batches are written or given up. It leaves time for the Writer
// even if ctx has ended, so that a primary that closes promptly does so before the fallback.
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
	_, _ = await(ctx, grace/4, overflowed) // a fallback that hangs must not keep the primary open
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), grace/2)
		defer cancel()
	}
	err = errUnwound
	err = b.writer.Shutdown(ctx)
}

// abandon sends the waiting batches, and then the batch in flight, to the fallback.
func (b *Batcher) abandon() {
	b.mu.Lock()
	waiting := b.queue
	b.queue = queue{}
	b.mu.Unlock()
	for c := waiting.pop(); c != nil; c = waiting.pop() {
		b.divert(c)
	}
	b.mu.Lock()
	c := b.inFlight
	b.inFlight = nil
	b.mu.Unlock()
	if c != nil {
		b.writer.countLate()
		b.divert(c)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.ready() { // the goroutine in run may be blocked in the sink
		w.done <- b.failed
	}
}

// divert sends a batch to the fallback. It uses a separate goroutine because the fallback may end
// it.
func (b *Batcher) divert(c *chunk) {
	var err error
	lost := b.writer.guard.Stats().Lost
	done := make(chan struct{})
	go func() {
		returned := false
		defer close(done)
		defer func() {
			_ = recover()
			if !returned {
				err = b.lossSince(lost)
			}
		}()
		_, err = b.writer.busy(c.data)
		err = b.writer.settle(c.data, err)
		returned = true
	}()
	<-done
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle(c, err)
}
