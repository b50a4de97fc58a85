// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"io"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// DrainFirst returns a primary for the breakerio.Writer that has s as its fallback. While the spool
// has a record, or one is being written to it, the primary answers [breakerio.ErrBusy] without
// asking the sink, and the Writer sends the record to the spool. So the sink gets all records in
// order, through [Spool.Replay]. The price is that each of them goes over the disk until the spool
// is empty, and that the spool must drain faster than it fills.
//
// Sync and Close of the returned primary are those of the given one. It cannot be used with
// [breakerio.WithAsyncProbes]. DrainFirst panics if primary is nil.
func (s *Spool) DrainFirst(primary io.Writer) io.Writer {
	if primary == nil {
		panic("breakerspool: DrainFirst needs a primary")
	}
	return &drainFirst{s, primary}
}

type drainFirst struct {
	spool   *Spool
	primary io.Writer
}

func (d *drainFirst) Write(p []byte) (int, error) {
	if d.spool.backlog.Load() != 0 {
		return 0, breakerio.ErrBusy
	}
	return d.primary.Write(p)
}

func (d *drainFirst) Sync() error  { return guard.SyncSink(d.primary) }
func (d *drainFirst) Close() error { return guard.CloseSink(d.primary) }

// GuardedBy reports whether b guards the primary already: see [guard.IsGuardedBy].
func (d *drainFirst) GuardedBy(b *atomicbreaker.Breaker) bool {
	return guard.IsGuardedBy(d.primary, b)
}

// Late is [breakerio.Lane.Late] of the primary.
func (d *drainFirst) Late() uint64 {
	if l, ok := d.primary.(interface{ Late() uint64 }); ok {
		return l.Late()
	}
	return 0
}
