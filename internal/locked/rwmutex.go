// SPDX-License-Identifier: Apache-2.0

package locked

import (
	"sync"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// RWMutex is the breaker behind a [sync.RWMutex]. A call that only needs to read the word takes the
// read lock. A call that changes the word takes the write lock and checks again. A call that nearly
// always changes the word, such as a failure, takes the write lock at once, because a check first
// would cost a second lock.
type RWMutex struct {
	mu sync.RWMutex
	machine
}

// NewRWMutex returns a closed breaker.
func NewRWMutex(p word.Params) *RWMutex { return &RWMutex{machine: machine{params: p}} }

// Allow reports whether the call may go to the sink.
func (b *RWMutex) Allow() bool {
	w := b.Word()
	if w <= word.MaxClosed {
		return true
	}
	_, ok := b.lookAndAdmit(w)
	return ok
}

// RecordSuccess reports a call that succeeded.
func (b *RWMutex) RecordSuccess() {
	if b.Word()&word.Unhealthy != 0 {
		b.lockedPost(word.Event{Kind: word.Success})
	}
}

// RecordFailure reports a call that failed.
func (b *RWMutex) RecordFailure() { b.lockedPost(word.Event{Kind: word.Failure}) }

// RWMutexPermit is the [MutexPermit] of an [RWMutex].
type RWMutexPermit struct {
	breaker *RWMutex
	pass    word.Word
}

// TryAcquire asks for admission. It returns true with a permit, which must be reported once, or
// false with the zero RWMutexPermit.
func (b *RWMutex) TryAcquire() (RWMutexPermit, bool) {
	w, ok := b.Word(), true
	if w > word.MaxClosed {
		w, ok = b.lookAndAdmit(w)
	}
	if !ok {
		return RWMutexPermit{}, false
	}
	return RWMutexPermit{b, ^w}, true
}

// Success reports that the call succeeded.
func (p *RWMutexPermit) Success() {
	if p.pass == 0 {
		return
	}
	if p.breaker.Word()&word.Unhealthy != 0 {
		p.breaker.lockedPost(outcome(word.Success, p.pass))
	}
	p.pass = 0
}

// Failure reports that the call failed.
func (p *RWMutexPermit) Failure() {
	if p.pass == 0 {
		return
	}
	e := outcome(word.Failure, p.pass)
	p.pass = 0
	p.breaker.lockedPost(e)
}

// Do calls fn if the breaker admits the call, and returns fn's error. Every error, panic and Goexit
// is a failure.
func (b *RWMutex) Do(fn func() error) error {
	p, ok := b.TryAcquire()
	if !ok {
		return ErrRejected
	}
	defer p.Failure() // finds a spent permit, if fn succeeded
	err := fn()
	if err == nil {
		p.Success()
	}
	return err
}

// Trip opens a closed or half-open breaker.
func (b *RWMutex) Trip() { b.lockedPost(word.Event{Kind: word.Trip}) }

// Reset closes the breaker.
func (b *RWMutex) Reset() { b.lockedPost(word.Event{Kind: word.Reset}) }

// Elapsed posts the event that a timer would post.
func (b *RWMutex) Elapsed(generation uint32, successes int) {
	b.lockedPost(elapsed(generation, successes))
}

// Word returns the word.
func (b *RWMutex) Word() word.Word {
	b.mu.RLock()
	w := b.word
	b.mu.RUnlock()
	return w
}

// lookAndAdmit is admit with w, a word that the same call has read. If w decides the answer without
// a change, lookAndAdmit takes no write lock. That is the case for a half-open breaker whose probes
// are all in flight.
func (b *RWMutex) lookAndAdmit(w word.Word) (word.Word, bool) {
	if w.Rejects() {
		return w, false
	}
	if word.Next(w, word.Event{Kind: word.Allow}, &b.params) == w {
		return w, w.Admits()
	}
	b.mu.Lock()
	w, ok := b.admit()
	b.mu.Unlock()
	return w, ok
}

func (b *RWMutex) lockedPost(e word.Event) {
	b.mu.Lock()
	b.post(e)
	b.mu.Unlock()
}
