// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"bytes"
	"io"
)

// Witness stands between a logger and an adapter that is an io.Writer: it keeps the error, which loggers drop, and sees
// whether the adapter keeps to io.Writer's contract. It is for one record.
type Witness struct {
	w       io.Writer
	watcher watcher
	err     error
}

// watcher hears of a write before and after it.
type watcher interface {
	begin(text string)
	end(text string, n int, err error)
	breach(format string, args ...any)
}

// Witness returns a witness of w.
func (p Parts) Witness(w io.Writer) *Witness { return &Witness{w: w, watcher: p.run} }

// Write writes p.
func (w *Witness) Write(p []byte) (int, error) { return w.Watch(p, w.w.Write) }

// Watch has p written by the given method.
func (w *Witness) Watch(p []byte, write func([]byte) (int, error)) (int, error) {
	before := bytes.Clone(p)
	w.watcher.begin(string(before))
	n, err := write(p)
	if !bytes.Equal(before, p) {
		w.watcher.breach("%q became %q", before, p)
	}
	w.watcher.end(string(before), n, err)
	w.err = err
	copy(p, bytes.Repeat([]byte("x"), len(p))) // whoever kept it has something else now
	return n, err
}

// Err returns the error of the record.
func (w *Witness) Err() error { return w.err }
