// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// The stand-ins for atomic.go when all interleavings are explored. One goroutine runs at a time, so the values are plain,
// and each access first asks the explorer, who may let another thread run before it. Whom it asks, a word is told by its
// owner; the atomics of the publishing queue ask beforeQueue. nil asks nobody.

type cell struct {
	value  uint64
	before func()
	after  func(saw uint64)
}

func (c *cell) Load() uint64 {
	ask(c.before)
	tell(c.after, c.value)
	return c.value
}

// Store is for tests: nothing else may write the word past the compare-and-swap.
func (c *cell) Store(value uint64) {
	ask(c.before)
	c.value = value
}

func (c *cell) CompareAndSwap(old, next uint64) bool {
	ask(c.before)
	if c.value != old {
		tell(c.after, 0)
		return false
	}
	c.value = next
	tell(c.after, 1)
	return true
}

// beforeQueue is asked before each access to the publishing queue and to the list of subscriptions.
// afterQueue gets what the access saw: a number, a pointer, or whether a swap succeeded.
var (
	beforeQueue func()
	afterQueue  func(saw any)
)

func ask(before func()) {
	if before != nil {
		before()
	}
}

func tell[T any](after func(saw T), saw T) {
	if after != nil {
		after(saw)
	}
}

type counter struct{ value uint32 }

func (c *counter) Load() uint32 {
	ask(beforeQueue)
	tell(afterQueue, any(c.value))
	return c.value
}

func (c *counter) Store(value uint32) {
	ask(beforeQueue)
	c.value = value
	tell(afterQueue, nil)
}

func (c *counter) Swap(value uint32) (old uint32) {
	ask(beforeQueue)
	old, c.value = c.value, value
	tell(afterQueue, any(old))
	return old
}

func (c *counter) Inc() uint32 {
	ask(beforeQueue)
	c.value++
	tell(afterQueue, any(c.value))
	return c.value
}

func (c *counter) Sub(n uint32) uint32 {
	ask(beforeQueue)
	c.value -= n
	tell(afterQueue, any(c.value))
	return c.value
}

type pointer[T any] struct{ value *T }

func (p *pointer[T]) Load() *T {
	ask(beforeQueue)
	tell(afterQueue, any(p.value))
	return p.value
}

func (p *pointer[T]) Store(value *T) {
	ask(beforeQueue)
	p.value = value
	tell(afterQueue, nil)
}

func (p *pointer[T]) Swap(value *T) (old *T) {
	ask(beforeQueue)
	old, p.value = p.value, value
	tell(afterQueue, any(old))
	return old
}

func (p *pointer[T]) CompareAndSwap(old, next *T) bool {
	ask(beforeQueue)
	if p.value != old {
		tell(afterQueue, any(false))
		return false
	}
	p.value = next
	tell(afterQueue, any(true))
	return true
}

// No timer is started, for the explored programs post the time themselves; so watch.go, which keeps the timers and
// decides nothing, is left out.

type watch struct {
	posts word.Event
	until time.Time
}

func (*Breaker) watched(word.Word) bool { return false }

func (*Breaker) start(time.Duration, word.Word) {}
