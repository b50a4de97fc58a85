// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"iter"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// A TransitionKind is one way in which a breaker changes its state.
type TransitionKind struct {
	From, To atomicbreaker.State
	Cause    atomicbreaker.Cause
}

// kinds lists every kind of transition that a breaker can make.
var kinds = [...]TransitionKind{
	{atomicbreaker.Closed, atomicbreaker.Open, atomicbreaker.CauseFailureThreshold},
	{atomicbreaker.Closed, atomicbreaker.Open, atomicbreaker.CauseTripped},
	{atomicbreaker.Open, atomicbreaker.HalfOpen, atomicbreaker.CauseProbeAdmitted},
	{atomicbreaker.Open, atomicbreaker.Open, atomicbreaker.CauseTripped},
	{atomicbreaker.HalfOpen, atomicbreaker.Closed, atomicbreaker.CauseProbeSucceeded},
	{atomicbreaker.HalfOpen, atomicbreaker.Open, atomicbreaker.CauseProbeFailed},
	{atomicbreaker.HalfOpen, atomicbreaker.Open, atomicbreaker.CauseProbeTimedOut},
	{atomicbreaker.HalfOpen, atomicbreaker.Open, atomicbreaker.CauseTripped},
	{atomicbreaker.Open, atomicbreaker.Closed, atomicbreaker.CauseReset},
	{atomicbreaker.HalfOpen, atomicbreaker.Closed, atomicbreaker.CauseReset},
	{atomicbreaker.ForcedOpen, atomicbreaker.Closed, atomicbreaker.CauseReset},
	{atomicbreaker.ForcedClosed, atomicbreaker.Closed, atomicbreaker.CauseReset},
	{atomicbreaker.Closed, atomicbreaker.ForcedOpen, atomicbreaker.CauseForced},
	{atomicbreaker.Open, atomicbreaker.ForcedOpen, atomicbreaker.CauseForced},
	{atomicbreaker.HalfOpen, atomicbreaker.ForcedOpen, atomicbreaker.CauseForced},
	{atomicbreaker.ForcedClosed, atomicbreaker.ForcedOpen, atomicbreaker.CauseForced},
	{atomicbreaker.Closed, atomicbreaker.ForcedClosed, atomicbreaker.CauseForced},
	{atomicbreaker.Open, atomicbreaker.ForcedClosed, atomicbreaker.CauseForced},
	{atomicbreaker.HalfOpen, atomicbreaker.ForcedClosed, atomicbreaker.CauseForced},
	{atomicbreaker.ForcedOpen, atomicbreaker.ForcedClosed, atomicbreaker.CauseForced},
}

// Transitions counts transitions by kind. The zero value has counted none.
type Transitions struct{ counts [len(kinds)]uint64 }

// All returns every kind of transition that a breaker can make and how many of it were made, also
// if there were none. The order is always the same. There are 20 kinds.
func (t Transitions) All() iter.Seq2[TransitionKind, uint64] {
	return func(yield func(TransitionKind, uint64) bool) {
		for i, k := range kinds {
			if !yield(k, t.counts[i]) {
				return
			}
		}
	}
}

// Of returns how many transitions of kind k were made. It is 0 for a kind that no breaker can make.
func (t Transitions) Of(k TransitionKind) uint64 {
	for i := range kinds {
		if kinds[i] == k {
			return t.counts[i]
		}
	}
	return 0
}

// Sum returns how many transitions of all kinds were made.
func (t Transitions) Sum() (n uint64) {
	for _, c := range t.counts {
		n += c
	}
	return n
}

func (t *Transitions) count(k TransitionKind) {
	for i := range kinds {
		if kinds[i] == k {
			t.counts[i]++
		}
	}
}

func (t *Transitions) add(other *Transitions) {
	for i, n := range other.counts {
		t.counts[i] += n
	}
}
