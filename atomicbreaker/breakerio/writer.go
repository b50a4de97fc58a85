// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"context"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Writer is an io.Writer that takes each write to the primary if the breaker admits it and the primary takes it, and to the
// fallback in the same call otherwise. [NewWriter] makes it.
//
// Properties:
//   - One Write is one admission and one outcome.
//   - As safe for concurrent use as its two writers are; it adds no lock.
//   - Healthy, it adds four loads and a defer to a write: it writes no shared memory, reads no clock, takes no lock,
//     allocates nothing and copies nothing. A write that is turned away allocates nothing either, except the first one
//     of an outage.
//   - The primary and the fallback get the caller's p, or the part of it that begins with the first line that the primary
//     did not take whole. After a write that cut a line, they get a copy with a newline before it.
type Writer struct {
	breaker           *atomicbreaker.Breaker
	primary, fallback io.Writer
	guard             *guard.Guard[guard.Chunk] // that of bytes
	bytes             *guard.Bytes
	prober            prober // nil without WithAsyncProbes
}

// NewWriter returns a Writer that asks b before each write to primary. A nil fallback takes nothing: what the primary does
// not take is lost then, and reported. It panics if b or primary is nil, and with [WithAsyncProbes] unless primary is a
// *[Lane].
//
// Writers may share a breaker; each counts and reports what happened to its own records. Give each a sink of its own
// all the same, the fallback included: a Writer mends a line that it has cut, and does not know of another's.
func NewWriter(b *atomicbreaker.Breaker, primary, fallback io.Writer, opts ...Option) *Writer {
	if b == nil || primary == nil {
		panic("breakerio: NewWriter needs a breaker and a primary")
	}
	if isLaneToStderr(primary) || isLaneToStderr(fallback) {
		opts = append(slices.Clip(opts), func(o *guard.BytesOptions) { o.StderrIsSink = true })
	}
	g, o := guard.NewBytes(b, primary, fallback, opts)
	w := &Writer{breaker: b, primary: primary, fallback: fallback, guard: g.Guard, bytes: g}
	if o.AsyncProbes {
		w.probeAsynchronously()
	}
	return w
}

// isLaneToStderr says whether losses reported on os.Stderr would go through w.
func isLaneToStderr(w io.Writer) bool {
	l, ok := w.(*Lane)
	return ok && (guard.IsStderr(l.lane.sink) || isLaneToStderr(l.lane.sink))
}

// Write writes p: a record, or a batch of records that are lines. It returns len(p) and no error if the primary or the
// fallback took each record. Otherwise n is the length of the records before the first that is lost, and err names both
// sides:
//
//	breakerio: "loki": primary: 503 Service Unavailable; fallback: no space left on device
//
// Test err with [errors.Is] for either side's error, and for [atomicbreaker.ErrRejected] if the breaker turned p away.
// After [Writer.Close] err is [fs.ErrClosed], and neither side gets p.
//
// A primary that takes less than p without an error has failed, with [io.ErrShortWrite]. One that panics has failed: the
// panic is recovered (see [WithRepanic]) and p goes to the fallback. If the primary calls [runtime.Goexit], p
// goes to the fallback before the goroutine ends.
func (w *Writer) Write(p []byte) (n int, err error) {
	if !w.guard.Quiet() {
		return w.writeUnquiet(p)
	}
	// The deferred function keeps the record of a sink that panics. The breaker is asked below it, because a hook that ends
	// the goroutine there must not lose the record either.
	var a attempt
	defer func() {
		if a.stage != returned {
			var v any
			if a.stage == admitted && !w.bytes.Repanic() {
				v = recover()
			}
			n, err = w.unwound(p, a, v)
		}
	}()
	var ok bool
	if a.permit, ok = w.breaker.TryAcquire(); !ok {
		a.stage = returned
		return w.reject(p)
	}
	a.stage = admitted
	n, err = w.primary.Write(p)
	a.stage = returned
	if n < len(p) || err != nil {
		return w.bytes.FailBytes(p, w.fallback, a.permit, n, err)
	}
	if !w.guard.Quiet() {
		w.bytes.Finish(&a.permit, time.Time{})
		return len(p), nil
	}
	a.permit.Success()
	return len(p), nil
}

// attempt is what is known of a write that a panic, or the end of the goroutine, leaves. It is one variable, so
// that the function that looks at it captures few.
type attempt struct {
	permit atomicbreaker.Permit // once admitted
	stage  stage
}

type stage uint8

const (
	asking   stage = iota // the breaker is asked
	admitted              // the primary has the record
	returned              // it has returned, or the breaker has rejected the record
)

// writeUnquiet is Write with everything that a healthy write needs not look for: the writer is closed, a sink ends in the
// middle of a line, an outage is under way, the breaker has a slow threshold, or probes are asynchronous.
//
//go:noinline
func (w *Writer) writeUnquiet(p []byte) (n int, err error) {
	if w.guard.Closed() {
		return 0, w.guard.Refusal()
	}
	var a attempt
	defer func() {
		if a.stage != returned {
			var v any
			if a.stage == admitted && !w.bytes.Repanic() {
				v = recover()
			}
			n, err = w.unwound(p, a, v)
		}
	}()
	permit, ok := w.breaker.TryAcquire()
	if !ok || w.prober != nil && w.probe(p, &permit) {
		a.stage = returned
		return w.reject(p)
	}
	a.permit, a.stage = permit, admitted
	start := w.guard.Start()
	n, err = w.bytes.WritePrimary(w.primary, p)
	a.stage = returned
	if n < len(p) || err != nil {
		return w.bytes.FailBytes(p, w.fallback, permit, n, err)
	}
	w.bytes.Finish(&permit, start)
	return len(p), nil
}

// reject diverts what the breaker turned away.
//
//go:noinline
func (w *Writer) reject(p []byte) (int, error) {
	n, err := w.guard.Reject(guard.Chunk{P: p, Fallback: w.fallback})
	return guard.Written(p, n, err)
}

// unwound diverts p where the primary panicked with v or ended the goroutine, or where a hook of the breaker ended it before
// p was admitted.
//
//go:noinline
func (w *Writer) unwound(p []byte, a attempt, v any) (int, error) {
	if a.stage == asking {
		return w.reject(p)
	}
	n, err := w.guard.Unwound(guard.Chunk{P: p, Fallback: w.fallback}, a.permit, v)
	return guard.Written(p, n, err)
}

// busy hands p to the fallback without asking the breaker. It is for a queue above w that is full.
func (w *Writer) busy(p []byte) (int, error) {
	if w.guard.Closed() {
		return 0, w.guard.Refusal()
	}
	n, err := w.guard.Busy(guard.Chunk{P: p, Fallback: w.fallback})
	return guard.Written(p, n, err)
}

// settle returns err, the outcome of a batch that w was given by a Batcher. The callers that logged the
// batch have their answer, so a batch that w refused because it is closed is lost, and reported.
func (w *Writer) settle(batch []byte, err error) error {
	if err == nil || err != w.guard.Refusal() { //nolint:errorlint // this value itself
		return err
	}
	return w.guard.Lose(guard.Chunk{P: batch}, fs.ErrClosed)
}

// countLate counts a write that is still under way while its records are in the fallback.
func (w *Writer) countLate() { w.guard.CountLate() }

// serialize makes w call its fallback from one goroutine at a time. Call it before the first write.
func (w *Writer) serialize() { w.bytes.Serialize() }

// Sync calls the Sync method of the fallback and, while the breaker is closed, that of the primary, and joins their
// errors. Where there is no Sync method, Sync calls Flush, if there is one. An error does not vote: a terminal's Sync
// fails on a healthy sink. A primary that is out is left alone, because it might hang.
func (w *Writer) Sync() error { return w.guard.Sync(w.syncPrimarySink, w.syncFallbackSink) }

// syncPrimary and syncFallback are the halves of Sync, for a Batcher.
func (w *Writer) syncPrimary() error  { return w.guard.SyncPrimary(w.syncPrimarySink) }
func (w *Writer) syncFallback() error { return w.guard.SyncFallback(w.syncFallbackSink) }

func (w *Writer) syncPrimarySink() error { return syncIt(w.primary) }

func (w *Writer) syncFallbackSink() error {
	return w.bytes.Exclude(func() error { return syncIt(w.fallback) })
}

// Shutdown refuses new writes from now on, closes the primary and then the fallback, and returns their errors. Stop the
// logger first: a write that began before Shutdown may reach either side, or find both closed.
//
// If the primary does not close before ctx ends, the fallback is closed all the same, and what is not done then goes on by
// itself. A side that is no [io.Closer] is synced as in [Writer.Sync]. The standard output and error (os.Stdout,
// os.Stderr, and all whose Fd method returns 1 or 2) are left as they are. A Writer that wraps them in something with a
// Close method of its own closes that: hide the method of zerolog's ConsoleWriter, and of sinks that are shared.
//
// Later calls wait for the first.
func (w *Writer) Shutdown(ctx context.Context) error {
	return w.guard.Shutdown(ctx,
		func() error { return closeIt(w.primary) },
		func() error { return w.bytes.CloseFallback(func() error { return closeIt(w.fallback) }) },
	)
}

// Close is [Writer.Shutdown] with 5 seconds.
func (w *Writer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), guard.CloseTimeout)
	defer cancel()
	return w.Shutdown(ctx)
}

// Stats returns the counts so far. Each is exact; while records are being written they need not be of one instant.
func (w *Writer) Stats() Stats {
	s := w.guard.Stats()
	if l, ok := w.primary.(interface{ Late() uint64 }); ok {
		s.Late += l.Late()
	}
	return s
}

func syncIt(w io.Writer) error { return guard.SyncSink(w) }

func closeIt(w io.Writer) error { return guard.CloseSink(w) }
