// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"bytes"
	"io"
)

// Witness stands between a logger and an adapter that is an io.Writer. It keeps the error, which
// loggers drop, and checks that the adapter respects the contract of io.Writer. It is for one
// record.
type Witness struct {
	w       io.Writer
	watcher watcher
	err     error
}

// watcher is called before and after a write.
type watcher interface {
	begin(text string)
	end(text string, n int, err error)
	breach(format string, args ...any)
}

// Witness returns a witness of w.
func (p Parts) Witness(w io.Writer) *Witness { return &Witness{w: w, watcher: p.run} }

// Write writes p.
func (w *Witness) Write(p []byte) (int, error) { return w.Watch(p, w.w.Write) }

// Watch writes p with the given method.
func (w *Witness) Watch(p []byte, write func([]byte) (int, error)) (int, error) {
	before := bytes.Clone(p)
	w.watcher.begin(string(before))
	n, err := write(p)
	if !bytes.Equal(before, p) {
		w.watcher.breach("%q became %q", before, p)
	}
	w.watcher.end(string(before), n, err)
	w.err = err
	copy(p, bytes.Repeat([]byte("x"), len(p))) // an adapter that keeps p sees another text from now on
	return n, err
}

// Err returns the error of the record.
func (w *Witness) Err() error { return w.err }
