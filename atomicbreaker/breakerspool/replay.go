// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Delays after a write that failed.
const (
	firstDelay = 100 * time.Millisecond
	lastDelay  = 10 * time.Second
)

// Replay writes the records of the spool to sink, oldest first, and waits for more until ctx ends
// or the spool is closed. It returns the error of ctx, or [fs.ErrClosed]. If an option or an
// argument is bad, or another Replay of this spool runs, it returns an error at once.
//
// Each write takes a permit of b, so that Replay waits while b is open, and its write may be the
// probe that closes b. One write is in progress at a time. A record is forgotten after the sink
// took it: if the process dies between the two, the records of one write are repeated. A write that
// fails is repeated after a delay, from 100 ms doubling to 10 s, or as soon as b closes.
//
// sink is the bare sink of the breakerio.Writer that has s as its fallback, or better a connection
// of its own: it must be safe for concurrent use with live records. A Writer as the sink would
// spool every record again, and is refused. If the sink cuts a write of Replay inside a line, the
// next one begins with a newline. Replay does not repair what live records tear on the same stream,
// nor the other way round: if the sink may take only a part of a write, give Replay a connection of
// its own.
func (s *Spool) Replay(ctx context.Context, b *atomicbreaker.Breaker, sink io.Writer, opts ...ReplayOption) error {
	r, err := s.newReplay(ctx, b, sink, opts)
	if err != nil {
		return err
	}
	if !s.replays.CompareAndSwap(false, true) {
		return fmt.Errorf("breakerspool: %s: Replay already runs", s.dir)
	}
	defer s.replays.Store(false)
	defer s.idle.Store(false)
	r.resume()
	defer b.Subscribe(func(t atomicbreaker.Transition) {
		if t.Cause == atomicbreaker.CauseProbeSucceeded {
			r.recovered.Store(&t.Generation)
		}
		select {
		case r.changed <- struct{}{}:
		default:
		}
	})()
	return r.run()
}

// resume goes on where the last Replay ended. Only its own breaker and its own sink say something
// about the sink.
func (r *replay) resume() {
	r.cursor = &r.spool.cursor
	r.suspect.state = r.breaker.Snapshot()
	r.torn = r.torn && reflect.ValueOf(r.sink).Comparable() && r.sink == r.tornSink
	r.tornSink = r.sink
}

func (s *Spool) newReplay(ctx context.Context, b *atomicbreaker.Breaker, sink io.Writer, opts []ReplayOption) (*replay, error) {
	r := &replay{spool: s, ctx: ctx, breaker: b, sink: sink, changed: make(chan struct{}, 1), limit: math.MaxInt}
	for _, opt := range opts {
		opt(&r.config)
	}
	switch c := &r.config; {
	case b == nil || sink == nil:
		return nil, errors.New("breakerspool: Replay needs a breaker and a sink")
	case c.hasRate && !(c.rate > 0 && c.rate <= math.MaxFloat64):
		return nil, fmt.Errorf("breakerspool: WithRate(%v): want more than 0, and finite", c.rate)
	case c.hasBatch && c.batch < 1:
		return nil, fmt.Errorf("breakerspool: WithBatch(%d): want at least 1", c.batch)
	case guard.IsGuardedBy(sink, b):
		return nil, fmt.Errorf("breakerspool: Replay into %T: it is guarded by %q already; "+
			"want a sink that does not ask that breaker", sink, b.Name())
	case spools(sink):
		return nil, fmt.Errorf("breakerspool: Replay into %T: want the bare sink below it", sink)
	}
	return r, nil
}

// spools reports whether a sink would bring the records back into a spool.
func spools(sink io.Writer) bool {
	switch sink.(type) {
	case *Spool, *drainFirst, *breakerio.Batcher, interface{ Stats() breakerio.Stats }:
		return true
	}
	return false
}

// replay is one call of Replay. Its goroutine owns it.
type replay struct {
	spool   *Spool
	ctx     context.Context
	breaker *atomicbreaker.Breaker
	sink    io.Writer
	config  replayConfig
	changed chan struct{} // of capacity 1: the breaker has made a transition

	reader  reader
	scratch []byte
	write   write
	limit   int // records in a write; halved when a write is refused
	unread  int // attempts to read the record at the head

	*cursor
	recovered atomic.Pointer[uint32] // generation of the last probe that closed the breaker
	delay     time.Duration
	due       time.Time // when the rate allows the next record
}

// cursor is what the next Replay of the same process goes on with.
type cursor struct {
	head     place // of the first record that is not settled
	offered  place // how far the sink was offered records
	suspect  suspect
	unkept   int  // attempts to set the record at the head aside
	torn     bool // the sink ends in the middle of a line
	tornSink io.Writer
}

// ended returns why Replay ends, or nil.
func (r *replay) ended() error {
	select {
	case <-r.spool.ended:
		return fmt.Errorf("breakerspool: %s: %w", r.spool.dir, fs.ErrClosed)
	default:
		return r.ctx.Err()
	}
}

func (r *replay) run() error {
	for {
		if r.ended() != nil {
			return r.ended()
		}
		ready, err := r.fill()
		if !ready && err == nil {
			ready, err = r.awaitRecords()
		}
		switch {
		case err != nil: // of the disk
			r.wait(r.backOff(), nil)
		case ready:
			r.offer()
		}
	}
}

// wait waits until d is over (never, if d is negative), the channel has a value, or Replay ends.
func (r *replay) wait(d time.Duration, signal <-chan struct{}) {
	var over <-chan time.Time
	if d >= 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-over:
	case <-signal:
	case <-r.ctx.Done():
	case <-r.spool.ended:
	}
}

// awaitRecords waits for the next Write, unless a record came before idle was set. It fills the
// write with that one.
func (r *replay) awaitRecords() (ready bool, err error) {
	r.spool.idle.Store(true)
	defer r.spool.idle.Store(false)
	if ready, err = r.fill(); !ready && err == nil {
		r.wait(-1, r.spool.arrived)
	}
	return ready, err
}

// backOff returns the delay after a failure. It doubles up to its limit.
func (r *replay) backOff() time.Duration {
	d := max(r.delay, firstDelay)
	r.delay = min(2*d, lastDelay)
	return d
}

// offer writes what fill has prepared, once the rate and the breaker allow it.
func (r *replay) offer() {
	if d := time.Until(r.due); r.config.hasRate && d > 0 {
		r.wait(d, nil)
		if r.ended() != nil {
			return
		}
	}
	if len(r.write.buf) == prefix { // every record was filtered
		if r.spool.claim(&r.write) {
			r.settle(len(r.write.items))
		}
		return
	}
	permit, ok := r.breaker.TryAcquire()
	if !ok {
		r.awaitAdmission()
		return
	}
	defer permit.Cancel() // counts only if nothing is reported below
	if !r.spool.claim(&r.write) {
		return // a limit has dropped a record of the write
	}
	r.suspect.lookForLive(r)
	settled := false
	defer func() {
		if !settled { // the sink ended the goroutine
			permit.Failure()
			r.settle(0)
		}
	}()
	start := time.Now()
	n, err := r.call()
	took := time.Since(start)
	taken := r.taken(n, &err)
	settled = true
	r.settle(taken)
	r.judge(&permit, taken, took, err)
}

// settle forgets the records that the sink took.
func (r *replay) settle(taken int) {
	if r.write.kind == further {
		taken = 0
	}
	r.countRepeats()
	r.spool.settle(&r.write, taken)
	r.advance(taken)
	if r.config.hasRate {
		pace := float64(time.Second) * float64(len(r.write.items)) / r.config.rate
		r.due = time.Now().Add(time.Duration(min(pace, math.MaxInt64/2)))
	}
	r.spool.report()
}

// awaitAdmission waits until the breaker may admit a write.
func (r *replay) awaitAdmission() {
	switch s := r.breaker.Snapshot(); s.State {
	case atomicbreaker.ForcedOpen:
		r.wait(-1, r.changed)
	case atomicbreaker.Open:
		r.wait(max(r.breaker.RetryAfter(), time.Millisecond), r.changed)
	default: // half-open without a free place, which may be given back without a transition
		r.wait(firstDelay, r.changed)
	}
}
