// SPDX-License-Identifier: Apache-2.0

package explore

// Seam is where a scheduler sees the accesses to a fake atomic. Before is called before each
// access, and may let another thread run. Saw gets a hash of what the access returned. Either may
// be nil.
type Seam struct {
	Before func()
	Saw    func(v uint64)
}

// anySeam sees the accesses to all counters and pointers that have no seam of their own.
var anySeam struct {
	before func()
	saw    func(v any)
	spawn  func(f func())
}

// Observe makes before and saw see the accesses to all counters and pointers without a seam of
// their own, and makes spawn the go statement of [Spawn]. saw gets the number or the pointer that
// an access returned, whether a swap succeeded, or nil. The result ends that. One exploration can
// observe at a time.
func Observe(before func(), saw func(v any), spawn func(f func())) (restore func()) {
	anySeam.before, anySeam.saw, anySeam.spawn = before, saw, spawn
	return func() { anySeam.before, anySeam.saw, anySeam.spawn = nil, nil, nil }
}

// Spawn stands in for the go statement.
func Spawn(f func()) {
	if anySeam.spawn != nil {
		anySeam.spawn(f)
		return
	}
	go f()
}

func (s *Seam) wait() {
	switch {
	case s.Before != nil:
		s.Before()
	case anySeam.before != nil:
		anySeam.before()
	}
}

// read reports v to a seam, and v2 to the seam of all.
func (s *Seam) read(v uint64, v2 any) {
	if s.Before == nil && anySeam.saw != nil {
		anySeam.saw(v2)
	}
	if s.Saw != nil {
		s.Saw(v)
	}
}

// Uint64 stands in for an atomic 64-bit number. It is seen through its own seam only.
type Uint64 struct {
	Value uint64
	Seam
}

func (u *Uint64) wait() {
	if u.Before != nil {
		u.Before()
	}
}

func (u *Uint64) read(v uint64) {
	if u.Saw != nil {
		u.Saw(v)
	}
}

// Load returns the value.
func (u *Uint64) Load() uint64 {
	u.wait()
	u.read(u.Value)
	return u.Value
}

// Store sets the value.
func (u *Uint64) Store(value uint64) {
	u.wait()
	u.Value = value
	u.read(0)
}

// CompareAndSwap replaces old by next and reports whether it did.
func (u *Uint64) CompareAndSwap(old, next uint64) bool {
	u.wait()
	if u.Value != old {
		u.read(0)
		return false
	}
	u.Value = next
	u.read(1)
	return true
}

// Uint32 stands in for an atomic 32-bit number.
type Uint32 struct {
	Value uint32
	Seam
}

// Load returns the value.
func (u *Uint32) Load() uint32 {
	u.wait()
	u.read(uint64(u.Value), u.Value)
	return u.Value
}

// Store sets the value.
func (u *Uint32) Store(value uint32) {
	u.wait()
	u.Value = value
	u.read(0, nil)
}

// Swap sets the value and returns the old one.
func (u *Uint32) Swap(value uint32) (old uint32) {
	u.wait()
	old, u.Value = u.Value, value
	u.read(uint64(old), old)
	return old
}

// Inc adds 1 and returns the new value.
func (u *Uint32) Inc() uint32 {
	u.wait()
	u.Value++
	u.read(uint64(u.Value), u.Value)
	return u.Value
}

// Sub subtracts n and returns the new value.
func (u *Uint32) Sub(n uint32) uint32 {
	u.wait()
	u.Value -= n
	u.read(uint64(u.Value), u.Value)
	return u.Value
}

// Pointer stands in for an atomic pointer.
type Pointer[T any] struct {
	Value *T
	Seam
	Hash    func(value *T) uint64 // what Saw gets of a value; nil: nothing
	Swapped func(value *T)        // called with each value that CompareAndSwap is about to store
}

func (p *Pointer[T]) readPointer(value *T) {
	v := uint64(0)
	if value != nil && p.Hash != nil {
		v = p.Hash(value)
	}
	p.read(v, value)
}

// Load returns the value.
func (p *Pointer[T]) Load() *T {
	p.wait()
	p.readPointer(p.Value)
	return p.Value
}

// Store sets the value.
func (p *Pointer[T]) Store(value *T) {
	p.wait()
	p.Value = value
	p.read(0, nil)
}

// Swap sets the value and returns the old one.
func (p *Pointer[T]) Swap(value *T) (old *T) {
	p.wait()
	old, p.Value = p.Value, value
	p.readPointer(old)
	return old
}

// CompareAndSwap replaces old by value and reports whether it did.
func (p *Pointer[T]) CompareAndSwap(old, value *T) bool {
	p.wait()
	if p.Value != old {
		p.read(0, false)
		return false
	}
	if p.Swapped != nil {
		p.Swapped(value)
	}
	p.Value = value
	p.read(1, true)
	return true
}
