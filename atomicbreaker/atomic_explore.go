// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import "time"

// The stand-ins for atomic.go when all interleavings are explored. One goroutine runs at a time, so the values are plain,
// and each access first asks the explorer, who may let another thread run before it.

// point is where an explorer is asked; the zero point asks nobody.
type point struct{ before func() }

func (p *point) ask() {
	if p.before != nil {
		p.before()
	}
}

type cell struct {
	value uint64
	point
}

func (c *cell) Load() uint64 {
	c.ask()
	return c.value
}

// Store is for tests: nothing else may write the word past the compare-and-swap.
func (c *cell) Store(value uint64) {
	c.ask()
	c.value = value
}

func (c *cell) CompareAndSwap(old, next uint64) bool {
	c.ask()
	if c.value != old {
		return false
	}
	c.value = next
	return true
}

type counter struct {
	value uint32
	point
}

func (c *counter) Load() uint32 {
	c.ask()
	return c.value
}

func (c *counter) Store(value uint32) {
	c.ask()
	c.value = value
}

func (c *counter) Swap(value uint32) (old uint32) {
	c.ask()
	old, c.value = c.value, value
	return old
}

func (c *counter) Inc() uint32 {
	c.ask()
	c.value++
	return c.value
}

func (c *counter) Sub(n uint32) uint32 {
	c.ask()
	c.value -= n
	return c.value
}

type pointer[T any] struct {
	value *T
	point
}

func (p *pointer[T]) Load() *T {
	p.ask()
	return p.value
}

func (p *pointer[T]) Store(value *T) {
	p.ask()
	p.value = value
}

func (p *pointer[T]) Swap(value *T) (old *T) {
	p.ask()
	old, p.value = p.value, value
	return old
}

// afterFunc starts nothing: the explored programs post the time themselves.
func afterFunc(time.Duration, func()) {}
