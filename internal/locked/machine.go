// SPDX-License-Identifier: Apache-2.0

// Package locked is the breaker's state machine behind a lock. [Mutex] and [RWMutex] decide with
// the same word.Next as the lock-free breaker, and guard the word with a mutex instead of a
// compare-and-swap.
//
// They are controls for benchmarks. They differ from the breaker only in the synchronization, so
// the ratio of their times shows its cost. (They also lack one shortcut: the breaker tries
// word.Counted before word.Next.) Their code is optimized for a fair comparison: they check for a
// healthy word under the lock, use no defer where nothing can panic, and hold no lock while a
// caller's function runs. They have no timers and no hooks; a benchmark sets their state with Trip,
// Reset and Elapsed.
package locked

import (
	"errors"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// ErrRejected is what Do returns when it rejects the call.
var ErrRejected = errors.New("locked: call rejected")

// machine is the state that the lock guards, and params, which never changes. Its methods require
// the lock.
type machine struct {
	word   word.Word
	params word.Params
}

// post applies e to the word.
func (m *machine) post(e word.Event) { m.word = word.Next(m.word, e, &m.params) }

// admit asks for admission while the breaker is not closed. It returns the word that admitted or
// rejected the caller.
func (m *machine) admit() (word.Word, bool) {
	old := m.word
	if old.Rejects() { // faster than Next, with the same result
		return old, false
	}
	m.post(word.Event{Kind: word.Allow})
	return m.word, m.word != old || old.Admits()
}

// succeed applies a success, which belongs to the period of e if e is bound to one.
func (m *machine) succeed(e word.Event) {
	if m.word&word.Unhealthy != 0 {
		m.post(e)
	}
}

func elapsed(generation uint32, successes int) word.Event {
	return word.Event{Kind: word.Elapsed, Bound: true, Generation: generation, Successes: uint8(successes)}
}

// outcome returns the event of a report through a permit, whose pass is the complement of the word
// that admitted the call.
func outcome(kind word.Kind, pass word.Word) word.Event {
	return word.Event{Kind: kind, Bound: true, Generation: (^pass).Generation()}
}
