// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// How often a call that has nothing to change touches the word: once, whichever half of it says so.
func TestExploreCost_OneLoad(t *testing.T) {
	b := MustNew("sink")
	accesses := 0
	b.word.before = func() { accesses++ }
	calls := map[string]func(){
		"Allow":         func() { b.Allow() },
		"TryAcquire":    func() { _, _ = b.TryAcquire() },
		"RecordSuccess": b.RecordSuccess,
		"State":         func() { b.State() },
		"Snapshot":      func() { b.Snapshot() },
	}
	for name, w := range map[string]word.Word{
		"closed":                 word.Make(word.Closed, 3, 1, 0, 0, 0),
		"cooling":                word.Make(word.Cooling, 3, 1, 5, 0, 0),
		"half-open, no place":    word.Make(word.HalfOpen, 3, 1, 5, 1, 0),
		"forced open":            word.Make(word.ForcedOpen, 3, 0, 0, 0, 0),
		"forced closed":          word.Make(word.ForcedClosed, 3, 0, 0, 0, 0),
		"closed, counting, wrap": word.Make(word.Closed, word.MaxGeneration, 0, 4, 0, 0),
	} {
		for call, do := range calls {
			if call == "RecordSuccess" && (w.Phase() == word.HalfOpen || w.Failures() > 0 && w.Phase() == word.Closed) {
				continue // has something to change
			}
			b.word.value, accesses = uint64(w), 0
			do()
			require.Equal(t, 1, accesses, "%s: %s", name, call)
			require.Equal(t, uint64(w), b.word.value, "%s: %s", name, call)
		}
	}
}

// Do turns a call away with one load, and a healthy one costs three: one to be turned away by, one to be admitted by, and
// the report's.
func TestExploreCost_Do(t *testing.T) {
	b := MustNew("sink")
	accesses := 0
	b.word.before = func() { accesses++ }
	require.NoError(t, b.Do(func() error { return nil }))
	require.Equal(t, 3, accesses)
	b.Trip()
	accesses = 0
	require.ErrorIs(t, b.Do(nil), ErrOpen)
	require.Equal(t, 1, accesses)
	b.ForceOpen()
	accesses = 0
	require.ErrorIs(t, b.Do(nil), ErrOpen)
	require.Equal(t, 1, accesses)
}

// Success reads the word once on a healthy breaker, and not again in its slow half.
func TestExploreCost_SuccessIsOneLoad(t *testing.T) {
	b := MustNew("sink")
	p, ok := b.TryAcquire()
	require.True(t, ok)
	accesses := 0
	b.word.before = func() { accesses++ }
	p.Success()
	require.Equal(t, 1, accesses)
	p.Success()
	require.Equal(t, 1, accesses, "a spent permit asks nobody")
}
