// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"bytes"
	"io"
)

// Witness stands between a logger and an adapter that is an io.Writer: it keeps the error, which loggers drop, and sees
// whether the adapter keeps to io.Writer's contract. It is for one record.
type Witness struct {
	w   io.Writer
	run *run
	err error
}

// Witness returns a witness of w.
func (p Parts) Witness(w io.Writer) *Witness { return &Witness{w: w, run: p.run} }

// Write writes p.
func (w *Witness) Write(p []byte) (int, error) { return w.Watch(p, w.w.Write) }

// Watch has p written by the given method.
func (w *Witness) Watch(p []byte, write func([]byte) (int, error)) (int, error) {
	before := bytes.Clone(p)
	n, err := write(p)
	if !bytes.Equal(before, p) {
		w.run.breach("%q became %q", before, p)
	}
	if taken := err == nil; taken && n != len(p) || !taken && n != 0 {
		w.run.breach("a write of %d bytes returned %d, %v", len(p), n, err)
	}
	w.err = err
	copy(p, bytes.Repeat([]byte("x"), len(p))) // whoever kept it has something else now
	return n, err
}

// Err returns the error of the record.
func (w *Witness) Err() error { return w.err }
