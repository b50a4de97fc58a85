// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// A call that has nothing to change accesses the word once, in its fast half or in its slow half.
func TestExploreCost_OneLoad(t *testing.T) {
	b := MustNew("sink")
	accesses := 0
	b.word.Before = func() { accesses++ }
	calls := map[string]func(){
		"Allow":         func() { b.Allow() },
		"TryAcquire":    func() { _, _ = b.TryAcquire() },
		"RecordSuccess": b.RecordSuccess,
		"State":         func() { b.State() },
		"Snapshot":      func() { b.Snapshot() },
	}
	for name, w := range map[string]word.Word{
		"closed":                 word.Pack(word.Fields{Generation: 3, Attempt: 1}),
		"cooling":                word.Pack(word.Fields{Phase: word.Cooling, Generation: 3, Attempt: 1, Failures: 5}),
		"half-open, no place":    word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 3, Attempt: 1, Failures: 5, Calls: 1}),
		"forced open":            word.Pack(word.Fields{Phase: word.ForcedOpen, Generation: 3}),
		"forced closed":          word.Pack(word.Fields{Phase: word.ForcedClosed, Generation: 3}),
		"closed, counting, wrap": word.Pack(word.Fields{Generation: word.MaxGeneration, Failures: 4}),
	} {
		for call, do := range calls {
			if call == "RecordSuccess" && (w.Phase() == word.HalfOpen || w.Failures() > 0 && w.Phase() == word.Closed) {
				continue // has something to change
			}
			b.word.Value, accesses = uint64(w), 0
			do()
			require.Equal(t, 1, accesses, "%s: %s", name, call)
			require.Equal(t, uint64(w), b.word.Value, "%s: %s", name, call)
		}
	}
}

// A Do that is rejected loads the word once. A Do on a healthy breaker loads it three times: to
// check for a rejection, to admit, and to report.
func TestExploreCost_Do(t *testing.T) {
	b := MustNew("sink")
	accesses := 0
	b.word.Before = func() { accesses++ }
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

// On a healthy breaker Success loads the word once, and does not load it again in its slow half.
func TestExploreCost_SuccessIsOneLoad(t *testing.T) {
	b := MustNew("sink")
	p, ok := b.TryAcquire()
	require.True(t, ok)
	accesses := 0
	b.word.Before = func() { accesses++ }
	p.Success()
	require.Equal(t, 1, accesses)
	p.Success()
	require.Equal(t, 1, accesses, "a spent permit accessed the word")
}
