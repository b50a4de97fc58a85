// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"io"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// prober is the part of the primary that WithAsyncProbes needs.
type prober interface {
	// probe starts a write of a copy of p for which no caller waits. It returns false if the write
	// cannot start. Otherwise it calls done once, on a separate goroutine, when the sink's slot is
	// free again.
	probe(p []byte, done func(n int, err error)) bool
}

func (w *Writer) probeAsynchronously() {
	lane, ok := w.primary.(*Lane)
	if !ok {
		panic("breakerio: WithAsyncProbes needs a *Lane as primary")
	}
	w.prober, _ = any(lane).(prober)
	w.guard.Disquiet()
}

// probe starts an asynchronous probe with a copy of p if the breaker is half-open. It returns true
// if p itself must go to the fallback now. The permit is then settled by the probe, or was canceled
// because the probe could not start.
func (w *Writer) probe(p []byte, permit *atomicbreaker.Permit) bool {
	s := w.breaker.Snapshot()
	if s.State != atomicbreaker.HalfOpen || s.Generation != permit.Generation() {
		return false
	}
	record, tear := w.bytes.Mend(p)
	later, start, size := *permit, w.guard.Start(), len(record)
	started := w.prober.probe(record, func(n int, err error) {
		if tear != 0 && n > 0 && (n < size || err == nil) {
			w.bytes.Mended(tear)
		}
		if err == nil && n < size {
			err = io.ErrShortWrite
		}
		if before := size - len(p); before < n && n < size {
			w.guard.CountTorn()
		}
		if err == nil {
			w.guard.CountLate()
		}
		w.guard.Settle(later, start, err)
	})
	if !started {
		permit.Cancel()
	}
	*permit = atomicbreaker.Permit{}
	return true
}
