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
	b.mustBeMade()
	if fn == nil {
		panic("atomicbreaker: Do of a nil function")
	}
	w := b.load()
	p := Permit{b, ^w}
	if w > word.MaxClosed {
		switch admitted, ok := b.admit(w); {
		case ok:
			p.pass = ^admitted
		case b.dryRun():
			p = Permit{}
		default:
			return b.rejection(admitted)
		}
	}
	defer p.Failure() // finds a spent permit, unless fn (or the classifier) did not return
	if b.timing.slow > 0 {
		return b.timed(&p, fn)
	}
	if err := fn(); err != nil {
		p.reportError(err, 0)
		return err
	}
	p.Success()
	return nil
}

// timed is the rest of do with a slow threshold.
func (b *Breaker) timed(p *Permit, fn func() error) error {
	start := b.clock.now()
	err := fn()
	took := b.clock.now().Sub(start)
	if err != nil {
		p.reportError(err, took)
	} else {
		p.succeed(nil, took)
	}
	return err
}

// Call is [Breaker.Do] for a function that returns a value. It returns what fn returned, or the zero value if the call
// was turned away.
func Call[T any](b *Breaker, fn func() (T, error)) (T, error) {
	if fn == nil {
		panic("atomicbreaker: Call of a nil function")
	}
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
