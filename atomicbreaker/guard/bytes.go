// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"io"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// ErrNoFallback is what a fallback that is nil returns.
var ErrNoFallback = errors.New("no fallback")

// Bytes is a record of an io.Writer, and the fallback that is to get it.
type Bytes struct {
	P        []byte
	Fallback io.Writer
}

// BytesOptions are the options of package breakerio.
type BytesOptions struct {
	Options
	OnLost func(p []byte, err error)

	// Family, if not nil, makes one of several writers: the first stores its guard there, and the others use it. That
	// is for a package whose writer has several ways into one sink.
	Family *Family
}

// Family is what several writers to one sink share.
type Family struct{ guard *Guard[Bytes] }

// NewBytes applies the options of package breakerio.
func NewBytes[Option ~func(*BytesOptions)](b *atomicbreaker.Breaker, opts []Option) *Guard[Bytes] {
	var o BytesOptions
	for _, opt := range opts {
		opt(&o)
	}
	if o.Family != nil && o.Family.guard != nil {
		return o.Family.guard
	}
	var onLost func(Bytes, error)
	if f := o.OnLost; f != nil {
		onLost = func(r Bytes, err error) { f(r.P, err) }
	}
	g := New(b, o.Options, writeFallback, onLost)
	if o.Family != nil {
		o.Family.guard = g
	}
	return g
}

func writeFallback(r Bytes) error {
	if r.Fallback == nil {
		return ErrNoFallback
	}
	n, err := r.Fallback.Write(r.P)
	if err == nil && n < len(r.P) {
		err = io.ErrShortWrite
	}
	return err
}
