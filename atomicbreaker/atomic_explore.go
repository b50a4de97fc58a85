// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

// The stand-ins for atomic.go when all interleavings are explored. One goroutine runs at a time, so
// the values are plain. Each access first calls before, which may let another thread run, and then
// saw with what it has read. Counters and pointers without a seam of their own call beforeQueue and
// afterQueue instead.

type cell struct {
	value uint64
	seam
}

type seam struct {
	before func()
	saw    func(v uint64)
}

func (s *seam) wait() {
	if s.before != nil {
		s.before()
	}
}

func (s *seam) waitOrQueue() {
	if s.before != nil {
		s.before()
	} else if beforeQueue != nil {
		beforeQueue()
	}
}

func (s *seam) read(v uint64) {
	if s.saw != nil {
		s.saw(v)
	}
}

// beforeQueue is called before each access to the publishing queue and to the list of subscriptions.
// afterQueue gets what the access saw: a number, a pointer, or whether a swap succeeded.
var (
	beforeQueue func()
	afterQueue  func(saw any)
)

// readOrQueue is read, of v in a seam and of saw elsewhere.
func (s *seam) readOrQueue(v uint64, saw any) {
	if s.before == nil && afterQueue != nil {
		afterQueue(saw)
	}
	s.read(v)
}

func (c *cell) Load() uint64 {
	c.wait()
	c.read(c.value)
	return c.value
}

// Store is for tests: nothing else may write the word past the compare-and-swap.
func (c *cell) Store(value uint64) {
	c.wait()
	c.value = value
	c.read(0)
}

func (c *cell) CompareAndSwap(old, next uint64) bool {
	c.wait()
	if c.value != old {
		c.read(0)
		return false
	}
	c.value = next
	c.read(1)
	return true
}

type counter struct {
	value uint32
	seam
}

func (c *counter) Load() uint32 {
	c.waitOrQueue()
	c.readOrQueue(uint64(c.value), c.value)
	return c.value
}

func (c *counter) Store(value uint32) {
	c.waitOrQueue()
	c.value = value
	c.readOrQueue(0, nil)
}

func (c *counter) Swap(value uint32) (old uint32) {
	c.waitOrQueue()
	old, c.value = c.value, value
	c.readOrQueue(uint64(old), old)
	return old
}

func (c *counter) Inc() uint32 {
	c.waitOrQueue()
	c.value++
	c.readOrQueue(uint64(c.value), c.value)
	return c.value
}

func (c *counter) Sub(n uint32) uint32 {
	c.waitOrQueue()
	c.value -= n
	c.readOrQueue(uint64(c.value), c.value)
	return c.value
}

type pointer[T any] struct {
	value *T
	seam
	hash    func(value *T) uint64 // what saw is called with
	swapped func(value *T)        // called with each value that CompareAndSwap stores
}

func (p *pointer[T]) readPointer(value *T) {
	v := uint64(0)
	if value != nil && p.hash != nil {
		v = p.hash(value)
	}
	p.readOrQueue(v, value)
}

func (p *pointer[T]) Load() *T {
	p.waitOrQueue()
	p.readPointer(p.value)
	return p.value
}

func (p *pointer[T]) Store(value *T) {
	p.waitOrQueue()
	p.value = value
	p.readOrQueue(0, nil)
}

func (p *pointer[T]) Swap(value *T) (old *T) {
	p.waitOrQueue()
	old, p.value = p.value, value
	p.readPointer(old)
	return old
}

func (p *pointer[T]) CompareAndSwap(old, value *T) bool {
	p.waitOrQueue()
	if p.value != old {
		p.readOrQueue(0, false)
		return false
	}
	if p.swapped != nil {
		p.swapped(value)
	}
	p.value = value
	p.readOrQueue(1, true)
	return true
}

// onSpawn starts f as a thread of the explorer. If it is nil, f runs on a real goroutine.
var onSpawn func(f func())

func spawn(f func()) {
	if onSpawn != nil {
		onSpawn(f)
		return
	}
	go f()
}
