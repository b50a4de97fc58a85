// SPDX-License-Identifier: Apache-2.0

package locked

import (
	"sync"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Mutex is the breaker behind a [sync.Mutex].
type Mutex struct {
	mu sync.Mutex
	machine
}

// NewMutex returns a closed breaker.
func NewMutex(p word.Params) *Mutex { return &Mutex{machine: machine{params: p}} }

// Allow reports whether the call may go to the sink.
func (b *Mutex) Allow() bool {
	b.mu.Lock()
	if b.word <= word.MaxClosed {
		b.mu.Unlock()
		return true
	}
	_, ok := b.admit()
	b.mu.Unlock()
	return ok
}

// RecordSuccess reports a call that succeeded.
func (b *Mutex) RecordSuccess() {
	b.mu.Lock()
	b.succeed(word.Event{Kind: word.Success})
	b.mu.Unlock()
}

// RecordFailure reports a call that failed.
func (b *Mutex) RecordFailure() { b.lockedPost(word.Event{Kind: word.Failure}) }

// MutexPermit is one admission. The first report counts and spends it. It is as large as the
// breaker's permit and, like that, is spent when pass is 0.
type MutexPermit struct {
	breaker *Mutex
	pass    word.Word
}

// TryAcquire asks for admission. It returns true with a permit, which must be reported once, or
// false with the zero MutexPermit.
func (b *Mutex) TryAcquire() (MutexPermit, bool) {
	b.mu.Lock()
	w, ok := b.word, true
	if w > word.MaxClosed {
		w, ok = b.admit()
	}
	b.mu.Unlock()
	if !ok {
		return MutexPermit{}, false
	}
	return MutexPermit{b, ^w}, true
}

// Success reports that the call succeeded.
func (p *MutexPermit) Success() {
	if p.pass == 0 {
		return
	}
	b, e := p.breaker, outcome(word.Success, p.pass)
	p.pass = 0
	b.mu.Lock()
	b.succeed(e)
	b.mu.Unlock()
}

// Failure reports that the call failed.
func (p *MutexPermit) Failure() {
	if p.pass == 0 {
		return
	}
	e := outcome(word.Failure, p.pass)
	p.pass = 0
	p.breaker.lockedPost(e)
}

// Do calls fn if the breaker admits the call, and returns fn's error. Every error, panic and Goexit
// is a failure.
func (b *Mutex) Do(fn func() error) error {
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
func (b *Mutex) Trip() { b.lockedPost(word.Event{Kind: word.Trip}) }

// Reset closes the breaker.
func (b *Mutex) Reset() { b.lockedPost(word.Event{Kind: word.Reset}) }

// Elapsed posts the event that a timer would post.
func (b *Mutex) Elapsed(generation uint32, successes int) {
	b.lockedPost(elapsed(generation, successes))
}

// Word returns the word.
func (b *Mutex) Word() word.Word {
	b.mu.Lock()
	w := b.word
	b.mu.Unlock()
	return w
}

func (b *Mutex) lockedPost(e word.Event) {
	b.mu.Lock()
	b.post(e)
	b.mu.Unlock()
}
