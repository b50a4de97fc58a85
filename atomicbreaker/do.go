// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"fmt"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Do calls fn if the breaker admits it, reports its error as [Permit.Report] does, and returns that error unchanged. If
// the breaker turns the call away, fn is not called and the error is [ErrOpen] or [ErrTooManyProbes]; it names the
// breaker and costs no allocation.
//
// A panic in fn, or a [runtime.Goexit], counts as a failure and goes on as it would without Do.
func (b *Breaker) Do(fn func() error) error {
	w := b.load()
	if w > word.MaxClosed {
		var ok bool
		if w, ok = b.admit(w); !ok {
			return b.rejection(w)
		}
	}
	p := Permit{b, ^w}
	defer p.Failure() // finds a spent permit, unless fn (or the classifier) did not return
	err := fn()
	p.Report(err)
	return err
}

// Call is [Breaker.Do] for a function that returns a value. It returns what fn returned, or the zero value if the call
// was turned away.
func Call[T any](b *Breaker, fn func() (T, error)) (T, error) {
	var value T
	err := b.Do(func() (err error) {
		value, err = fn()
		return err
	})
	return value, err
}

// rejection returns the error for a call that w turned away.
func (b *Breaker) rejection(w word.Word) error {
	if w.Phase() == word.HalfOpen {
		return b.errTooManyProbes
	}
	return b.errOpen
}

func rejection(name string, why error) error {
	return fmt.Errorf("breaker %q: %w", name, why)
}
