// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"errors"
	"io"
	"math"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Writer is an io.Writer that takes each record to the primary if the breaker admits it and the primary takes it, and to the
// fallback in the same call otherwise. [NewWriter] makes it.
//
// Properties:
//   - One Write is one record, one admission and one outcome.
//   - As safe for concurrent use as its two writers are; it adds no lock.
//   - Healthy, it adds three loads and a defer to a write: it writes no shared memory, reads no clock, takes no lock,
//     allocates nothing and copies nothing.
//     A record that is turned away allocates nothing either, but for the first one of an outage.
//   - The primary's and the fallback's Write get the p of the caller, unchanged.
type Writer struct {
	breaker           *atomicbreaker.Breaker
	primary, fallback io.Writer
	guard             *guard.Guard[guard.Bytes]
}

// NewWriter returns a Writer that asks b before each write to primary. A nil fallback takes nothing: records that the
// primary does not take are lost then, and reported. It panics if b or primary is nil.
//
// Writers may share a breaker; each counts and reports what happened to its own records.
func NewWriter(b *atomicbreaker.Breaker, primary, fallback io.Writer, opts ...Option) *Writer {
	if b == nil || primary == nil {
		panic("breakerio: NewWriter needs a breaker and a primary")
	}
	return &Writer{b, primary, fallback, guard.NewBytes(b, opts)}
}

// Write writes p, one record. It returns len(p) and no error if the primary or the fallback took the record, else 0 and both
// their errors, joined; the first is [atomicbreaker.ErrRejected] if the breaker turned the record away.
//
// A primary that takes less than p without an error has failed, with [io.ErrShortWrite]. One that panics has failed: the
// panic is recovered (see [WithRepanic]) and the record goes to the fallback. If it calls [runtime.Goexit] the record
// goes to the fallback before the goroutine ends.
func (w *Writer) Write(p []byte) (n int, err error) {
	// One deferred function, which all paths share, with nothing in it but what a healthy write needs: a record whose sink
	// panics cannot be had back without one, and it is the larger part of what this method costs.
	// The breaker is asked below it, because a hook that ends the goroutine there must not lose the record either.
	var permit atomicbreaker.Permit
	var start time.Time
	admitted := false
	n = unreturned
	defer func() {
		if n >= len(p) && err == nil {
			n = len(p)
			w.guard.Succeed(&permit, start)
			if w.guard.Troubled() {
				w.guard.Taken()
			}
			return
		}
		if !admitted {
			n, err = w.reject(p)
			return
		}
		var v any
		if n == unreturned && !w.guard.Repanic() {
			v = recover()
		}
		n, err = w.fail(p, permit, n, err, v)
	}()
	if permit, admitted = w.breaker.TryAcquire(); !admitted {
		return unreturned, nil
	}
	start = w.guard.Start()
	return w.primary.Write(p)
}

// unreturned is the n of a primary that has not returned, and of none that has.
const unreturned = math.MinInt

// reject is Write where the breaker turned the record away, or a hook of it ended the goroutine.
//
//go:noinline
func (w *Writer) reject(p []byte) (int, error) {
	return written(p, w.guard.Reject(guard.Bytes{P: p, Fallback: w.fallback}))
}

// fail is Write where the primary took n bytes of p and returned err; or, if n is unreturned, panicked with v or ended the
// goroutine.
//
//go:noinline
func (w *Writer) fail(p []byte, permit atomicbreaker.Permit, n int, err error, v any) (int, error) {
	record := guard.Bytes{P: p, Fallback: w.fallback}
	if n == unreturned {
		return written(p, w.guard.Unwound(record, permit, v))
	}
	if err == nil {
		err = io.ErrShortWrite
	}
	return written(p, w.guard.Fail(record, permit, n > 0, err))
}

// written is what Write returns. The n of neither writer is passed on: the record is one, and was taken or not.
func written(p []byte, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// Sync calls the Sync method of the fallback and, while the breaker is closed, that of the primary, and joins their
// errors. A writer without one is in order. An error says nothing to the breaker: a terminal's Sync fails on a healthy
// sink. A primary that is out is left alone, because it might hang. Through a [Lane] it waits as a write does.
func (w *Writer) Sync() error {
	err := syncIt(w.fallback)
	if s := w.breaker.State(); s == atomicbreaker.Closed || s == atomicbreaker.ForcedClosed {
		return errors.Join(syncIt(w.primary), err)
	}
	return err
}

func syncIt(w io.Writer) error {
	if s, ok := w.(interface{ Sync() error }); ok {
		return s.Sync()
	}
	return nil
}

// Close closes the primary and then the fallback, each if it is an [io.Closer], and joins their errors. A record that is
// written meanwhile finds the fallback open as long as the primary is.
func (w *Writer) Close() (err error) {
	defer func() { err = errors.Join(err, closeIt(w.fallback)) }()
	return closeIt(w.primary)
}

func closeIt(w io.Writer) error {
	if c, ok := w.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Stats returns the counts so far. Each is exact; while records are being written the four need not be of one instant.
func (w *Writer) Stats() Stats { return Stats(w.guard.Stats()) }
