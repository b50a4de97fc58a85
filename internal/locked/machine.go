// SPDX-License-Identifier: Apache-2.0

// Package locked is the breaker's machine behind a lock: [Mutex] and [RWMutex] decide with the same word.Next as the
// lock-free breaker, and guard the word with a mutex instead of swapping it.
//
// They are controls for benchmarks and nothing else: what differs between them and the breaker is the synchronization,
// so a ratio of the two is its price. (And one shortcut: the breaker asks word.Counted before word.Next.) Each is what a careful engineer would write: the same checks of a healthy
// word, made under the lock; no defer where nothing can panic; no lock held while a caller's function runs. They have no
// timers and no hooks; a benchmark sets its scene with Trip, Reset and Elapsed.
package locked

import (
	"errors"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// ErrRejected is what Do returns when it turns the call away.
var ErrRejected = errors.New("locked: call rejected")

// machine is what the lock guards, but for params, which never changes. Its methods are called with the lock held.
type machine struct {
	word   word.Word
	params word.Params
}

// post brings e into the word.
func (m *machine) post(e word.Event) { m.word = word.Next(m.word, e, &m.params) }

// admit asks for admission where the breaker is not closed. It returns the word that admitted the caller, or the one that
// turned it away.
func (m *machine) admit() (word.Word, bool) {
	old := m.word
	if old.Rejects() { // Next would find the same, less quickly
		return old, false
	}
	m.post(word.Event{Kind: word.Allow})
	return m.word, m.word != old || old.Admits()
}

// succeed is a success that belongs to the period of e, if e is bound to one.
func (m *machine) succeed(e word.Event) {
	if m.word&word.Unhealthy != 0 {
		m.post(e)
	}
}

func elapsed(generation uint32, successes int) word.Event {
	return word.Event{Kind: word.Elapsed, Bound: true, Generation: generation, Successes: uint8(successes)}
}

// outcome is a report through a permit, whose pass is the complement of the word that admitted the call.
func outcome(kind word.Kind, pass word.Word) word.Event {
	return word.Event{Kind: kind, Bound: true, Generation: (^pass).Generation()}
}
