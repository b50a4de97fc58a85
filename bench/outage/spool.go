// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

const (
	// A spool of a run at the highest rate is larger than breakerspool's default allows.
	spoolBytes = 64 << 30

	// Replay writes twice as many records/s as are logged, in small batches. It could be much
	// faster; then the picture would show a backlog that is gone at once.
	replayFactor = 2
	replayBatch  = 16 << 10

	// Replay's client gives up after a second, or later if a log call may wait longer.
	leastReplayTimeout = time.Second
)

// graceToDrain is how much longer a run may take until its spool is empty. At Replay's rate the
// backlog of the whole run takes half of its duration; the rest is for a busy machine.
func (t *trial) graceToDrain() time.Duration {
	return t.Duration/replayFactor + 30*time.Second
}

// openFallback opens the guard's fallback: a file, or the spool.
func (t *trial) openFallback() (io.WriteCloser, error) {
	if !t.HasSpool {
		return sink.OpenRecords(t.fallbackFile)
	}
	spool, err := breakerspool.Open(t.spoolDir,
		breakerspool.WithMaxBytes(spoolBytes),
		breakerspool.WithMinFree(0), // as little as the other guards' files leave
		breakerspool.WithOnDrop(t.dropped),
	)
	if err != nil {
		return nil, err
	}
	t.spool = spool
	return spool, nil
}

// dropped reports records that the spool has given up.
func (t *trial) dropped(d breakerspool.Drop) {
	line := fmt.Sprintf("the spool dropped %d records: %s", d.Records, d.Reason)
	if d.Err != nil {
		line += fmt.Sprintf(" (%v)", d.Err)
	}
	at := time.Duration(0)
	if t.recorder != nil { // else the spool is still being opened
		at = t.recorder.Since()
	}
	if d.Reason == breakerspool.DropRejected {
		t.refused.Store(true)
	}
	t.screen.Event(at, line)
}

// replayOptions returns the options of Replay into a sink.
func (t *trial) replayOptions(into sink.Endpoint) []breakerspool.ReplayOption {
	opts := []breakerspool.ReplayOption{
		breakerspool.WithRate(float64(replayFactor * t.Rate)),
		breakerspool.WithRecordErrors(sink.IsRecordError),
	}
	if into.TakesLines() {
		opts = append(opts, breakerspool.WithBatch(replayBatch))
	}
	return opts
}

// deliverEarlier replays the records that an earlier run has left in the spool, so that this run
// begins with an empty one: both number their records from 0.
func (t *trial) deliverEarlier(ctx context.Context, into sink.Endpoint, client io.Writer) error {
	if t.spool == nil || t.spool.Stats().Records == 0 {
		return nil
	}
	n := t.spool.Stats().Records
	t.screen.Event(0, fmt.Sprintf("an earlier run left %d records in the spool", n))
	b := t.breakers.MustNew("loki", t.breakerOptions()...)
	stop := inBackground(func(ctx context.Context) error {
		return t.spool.Replay(ctx, b, client, t.replayOptions(into)...)
	})
	grace := t.graceToDrain() + time.Duration(n)*time.Second/time.Duration(t.Rate)
	isEmpty := t.awaitEmpty(ctx, grace)
	stop()
	if !isEmpty {
		return fmt.Errorf("%d records of an earlier run are still in %s: is the sink up?",
			t.spool.Stats().Records, t.spoolDir)
	}
	t.screen.Event(0, fmt.Sprintf("the sink has the %d records of the earlier run", n))
	return nil
}

// inBackground runs f until stop is called, which waits for it.
func inBackground(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f(ctx) // that it was stopped
	}()
	return func() {
		cancel()
		<-done
	}
}

// drain waits until the sink has what is in the spool.
func (t *trial) drain(ctx context.Context) {
	if t.spool == nil {
		return
	}
	isEmpty := t.awaitEmpty(ctx, t.graceToDrain())
	line := fmt.Sprintf("the spool is empty: %d records replayed", t.counters.Now().Replayed)
	if !isEmpty {
		line = fmt.Sprintf("the spool still has %d records", t.backlog())
	}
	t.event("%s", line)
}

// awaitEmpty waits until the spool is empty, ctx ends or the grace is over. It reports whether the
// spool is empty.
func (t *trial) awaitEmpty(ctx context.Context, grace time.Duration) bool {
	late := time.NewTimer(grace)
	defer late.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for t.backlog() > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			return false
		case <-late.C:
			return false
		}
	}
	return true
}

// backlog returns how many records are in the spool.
func (t *trial) backlog() uint64 { return t.spool.Stats().Records }

// readSpool adds to seen the records that are still in the spool, and those that the sink refused
// for good.
func (t *trial) readSpool(seen measure.Tally) (found measure.Contents, err error) {
	err = readRecordsOf(t.spool, time.Time{}, &found, seen)
	if err != nil || !t.refused.Load() {
		return found, err
	}
	// To open the directory itself would add files to it.
	dir, err := os.MkdirTemp("", "outage-rejected-")
	if err != nil {
		return found, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(t.spoolDir, "rejected"))); err != nil {
		return found, err
	}
	rejected, err := breakerspool.Open(dir, breakerspool.WithMaxBytes(spoolBytes))
	if err != nil {
		return found, err
	}
	defer func() { _ = rejected.Close() }()
	return found, readRecordsOf(rejected, t.began, &found, seen) // an earlier run may have some too
}

// readRecordsOf adds to found and seen the records that a spool has since a moment.
func readRecordsOf(
	spool *breakerspool.Spool, since time.Time, found *measure.Contents, seen measure.Tally,
) error {
	for record, err := range spool.Records() {
		if err != nil {
			return err
		}
		if record.Time.Before(since) {
			continue
		}
		for line := range bytes.Lines(record.Data) {
			found.Add(bytes.TrimSuffix(line, []byte("\n")), seen, 0)
		}
	}
	return nil
}
