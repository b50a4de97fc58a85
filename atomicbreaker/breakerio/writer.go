// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"context"
	"io"
	"io/fs"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Writer is an io.Writer that sends each write to a primary while a circuit breaker admits it. What
// the breaker rejects or the primary does not take goes to the fallback during the same call.
// [NewWriter] creates a Writer.
//
// Properties:
//   - One Write is one admission and one outcome.
//   - A Writer is safe for concurrent use if both sinks are; it adds no lock.
//   - On the healthy path it adds four loads and a defer to a write. It writes no shared memory,
//     reads no clock, takes no lock, allocates nothing and copies nothing. A rejected write also
//     allocates nothing, except for the first one of an outage.
//   - Both sinks get slices of the caller's p. The fallback's slice starts with the first line that
//     the primary did not take whole. A torn sink gets a copy of p with a newline in front.
type Writer struct {
	breaker           *atomicbreaker.Breaker
	primary, fallback io.Writer
	guard             *guard.Guard[guard.Chunk] // bytes.Guard
	bytes             *guard.Bytes
	prober            prober // nil without WithAsyncProbes
}

// NewWriter returns a Writer that writes to primary while b admits it. If fallback is nil, what the
// primary does not take is lost and reported. NewWriter panics if b or primary is nil, if
// [WithAsyncProbes] is given and primary is not a *[Lane], or if a sink is guarded by b already, as
// a breakerhttp.Sink whose client has a breakerhttp.Transport with b: see [guard.IsGuardedBy].
//
// Writers may share a breaker; each one counts and reports its own records. Do not share a sink
// between Writers, not even a fallback: a Writer repairs only the lines that it has torn itself. Do
// not use a Writer as the primary of another one: the inner Writer would report records as lost
// that the outer one still sends to its fallback.
func NewWriter(b *atomicbreaker.Breaker, primary, fallback io.Writer, opts ...Option) *Writer {
	if b == nil || primary == nil {
		panic("breakerio: NewWriter needs a breaker and a primary")
	}
	o := options{BytesOptions: guard.BytesOptions{Options: guard.Options{Adapter: "breakerio"}}}
	for _, opt := range opts {
		opt(&o)
	}
	o.StderrIsSink = isLaneToStderr(primary) || isLaneToStderr(fallback)
	g := guard.NewBytes(b, primary, fallback, o.BytesOptions)
	w := &Writer{breaker: b, primary: primary, fallback: fallback, guard: g.Guard, bytes: g}
	if o.asyncProbes {
		w.probeAsynchronously()
	}
	return w
}

// Sibling returns a Writer that uses the same two sinks through other writers, for example at a
// fixed level. It shares the breaker, the options and all state of w, so shutting down one of them
// shuts down both. A nil fallback takes nothing. Sibling panics if primary is nil, or if w has
// [WithAsyncProbes] and primary is not a *[Lane].
func (w *Writer) Sibling(primary, fallback io.Writer) *Writer {
	if primary == nil {
		panic("breakerio: Sibling needs a primary")
	}
	s := &Writer{
		breaker: w.breaker, primary: primary, fallback: fallback, guard: w.guard, bytes: w.bytes,
	}
	if w.prober != nil {
		s.probeAsynchronously()
	}
	return s
}

// isLaneToStderr reports whether w is a Lane, or a Lane to a Lane, in front of os.Stderr.
func isLaneToStderr(w io.Writer) bool {
	l, ok := w.(*Lane)
	return ok && (guard.IsStderr(l.lane.sink) || isLaneToStderr(l.lane.sink))
}

// Write writes p, which is one record or a batch of records that are lines. It returns len(p) and
// no error if the primary or the fallback took every record. Otherwise n is the length of the
// records before the first one that is lost, and err names both sides:
//
//	breakerio: "loki": primary: 503 Service Unavailable; fallback: no space left on device
//
// Use [errors.Is] to test err for the error of either side, and for [atomicbreaker.ErrRejected] if
// the breaker rejected p. After [Writer.Close], err matches [fs.ErrClosed] and neither side gets p.
//
// A primary that takes less than p without an error has failed with [io.ErrShortWrite]. A primary
// that panics has failed too: the panic is recovered (see [WithRepanic]) and p goes to the
// fallback. If the primary calls [runtime.Goexit], p goes to the fallback before the goroutine
// ends.
func (w *Writer) Write(p []byte) (n int, err error) {
	if !w.guard.Quiet() {
		return w.writeUnquiet(p)
	}
	// The deferred function diverts the record if the primary panics. Acquire the permit after the
	// defer statement, because a hook of the breaker may end the goroutine, and the record must not
	// be lost.
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

// attempt is the state of a write that the deferred function needs. It is one variable, so that the
// function captures little.
type attempt struct {
	permit atomicbreaker.Permit // valid once admitted
	stage  stage
}

type stage uint8

const (
	asking   stage = iota // TryAcquire has not returned
	admitted              // the primary is writing the record
	returned              // the primary has returned, or the breaker has rejected the record
)

// writeUnquiet is Write with everything that the healthy path skips: the Writer may be closed, a
// sink may be torn, an outage may be in progress, the breaker may have a slow threshold, or probes
// may be asynchronous.
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

// reject diverts a write that the breaker rejected.
//
//go:noinline
func (w *Writer) reject(p []byte) (int, error) {
	n, err := w.guard.Reject(guard.Chunk{P: p, Fallback: w.fallback})
	return guard.Written(p, n, err)
}

// unwound diverts p after the primary panicked with v or ended the goroutine, or after a hook of
// the breaker ended the goroutine before p was admitted.
//
//go:noinline
func (w *Writer) unwound(p []byte, a attempt, v any) (int, error) {
	if a.stage == asking {
		return w.reject(p)
	}
	n, err := w.guard.Unwound(guard.Chunk{P: p, Fallback: w.fallback}, a.permit, v)
	return guard.Written(p, n, err)
}

// busy writes p to the fallback without a permit. It is for a full queue above w.
func (w *Writer) busy(p []byte) (int, error) {
	if w.guard.Closed() {
		return 0, w.guard.Refusal()
	}
	n, err := w.guard.Busy(guard.Chunk{P: p, Fallback: w.fallback})
	return guard.Written(p, n, err)
}

// settle returns err, the outcome of a batch that a Batcher wrote through w. If w rejected the
// batch because w is closed, settle counts and reports the batch as lost: the callers that logged
// it have already returned.
func (w *Writer) settle(batch []byte, err error) error {
	if err == nil || err != w.guard.Refusal() { //nolint:errorlint // compares identity
		return err
	}
	return w.guard.Lose(guard.Chunk{P: batch}, fs.ErrClosed)
}

// countLate counts a write that is still in progress after its records went to the fallback.
func (w *Writer) countLate() { w.guard.CountLate() }

// serialize makes w call its fallback from one goroutine at a time. Call it before the first write.
func (w *Writer) serialize() { w.bytes.Serialize() }

// Sync calls the Sync method of the fallback and, if the breaker is closed, that of the primary,
// and joins their errors. For a sink without a Sync method it calls Flush, if there is one. An
// error does not count as a failure of the primary, because Sync of a terminal fails even though
// the terminal is healthy. While the breaker is not closed, Sync skips the primary, which might
// hang.
func (w *Writer) Sync() error { return w.guard.Sync(w.syncPrimarySink, w.syncFallbackSink) }

// syncPrimary and syncFallback are the two halves of Sync, for a Batcher.
func (w *Writer) syncPrimary() error  { return w.guard.SyncPrimary(w.syncPrimarySink) }
func (w *Writer) syncFallback() error { return w.guard.SyncFallback(w.syncFallbackSink) }

func (w *Writer) syncPrimarySink() error { return syncSink(w.primary) }

func (w *Writer) syncFallbackSink() error {
	return w.bytes.Exclude(func() error { return syncSink(w.fallback) })
}

// Shutdown rejects all further writes, closes the primary and then the fallback, and returns their
// errors. Stop the logger first: a write that began before Shutdown may reach either side, or find
// both closed.
//
// If the primary does not close before ctx ends, Shutdown closes the fallback anyway. Work that is
// not finished by then continues in the background. A side that is not an [io.Closer] is synced as
// in [Writer.Sync]. Standard output and standard error (os.Stdout, os.Stderr, and any sink whose Fd
// method returns 1 or 2) are not closed. A sink that wraps one of them and has its own Close method
// is closed: hide the Close method of zerolog's ConsoleWriter, and of sinks that are shared.
//
// Later calls wait for the first one.
func (w *Writer) Shutdown(ctx context.Context) error {
	closeFallback := func() error { return closeSink(w.fallback) }
	return w.guard.Shutdown(
		ctx,
		func() error { return closeSink(w.primary) },
		func() error { return w.bytes.CloseFallback(closeFallback) },
	)
}

// Close calls [Writer.Shutdown] with a timeout of 5 s.
func (w *Writer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), guard.CloseTimeout)
	defer cancel()
	return w.Shutdown(ctx)
}

// Stats returns the counts so far. Each count is exact, but while records are being written the
// counts may be from different instants. Late includes [Lane.Late] of the primary.
func (w *Writer) Stats() Stats {
	s := w.guard.Stats()
	if l, ok := w.primary.(interface{ Late() uint64 }); ok {
		s.Late += l.Late()
	}
	return s
}

func syncSink(w io.Writer) error { return guard.SyncSink(w) }

func closeSink(w io.Writer) error { return guard.CloseSink(w) }
