// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"fmt"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// do is Do with another look at the word, which then decides: to hand over the first would exceed the inliner's budget
// by 1, and costs no less than to load again what was just loaded.
//
//go:noinline
func (b *Breaker) do(fn func() error) error {
	w := b.load()
	if w > word.MaxClosed {
		var ok bool
		if w, ok = b.admit(w); !ok {
			return b.rejection(w)
		}
	}
	p := Permit{b, ^w}
	defer p.Failure() // finds a spent permit, unless fn (or the classifier) did not return
	if err := fn(); err != nil {
		p.reportError(err)
		return err
	}
	p.Success()
	return nil
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
