// SPDX-License-Identifier: Apache-2.0

// Package limits has the least that an implementation or an adapter could cost.
package limits

import (
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Load is the least that a decision can cost: as many atomic loads as the breaker makes,
// each followed by one comparison and one branch. Loads whose values are unused would decide
// nothing, and would measure the number of load units of the processor; two of them take a
// twentieth less than two of these.
var Load = scenario.Subject{Name: "load", Loops: scenario.Loops{
	scenario.Pair:           loadPair,
	scenario.Permit:         loadPair,
	scenario.Do:             loadPair,
	scenario.Reject:         loadReject,
	scenario.RejectPermit:   loadReject,
	scenario.RejectHalfOpen: loadReject,
}}

// Hand is Load as a user would write it by hand, without the library: where load
// panics, it calls a slow half. The compiler keeps those calls in line and jumps over them, here
// and in the breaker. The difference from load is the cost of a fast half in Go, and the difference
// between the breaker and this is the breaker's own cost.
var Hand = scenario.Subject{Name: "hand", Loops: scenario.Loops{scenario.Pair: handPair}}

// Clock reads the clock once, which a breaker that compares deadlines must do.
var Clock = scenario.Subject{Name: "clock", Loops: scenario.Loops{
	scenario.Pair:           clock,
	scenario.Permit:         clock,
	scenario.Do:             clock,
	scenario.Reject:         clock,
	scenario.RejectPermit:   clock,
	scenario.RejectDo:       clock,
	scenario.RejectHalfOpen: clock,
}}

func loadPair() scenario.Loop {
	w := new(atomic.Uint64)
	return scenario.Faster(loads(w), loadsElsewhere(w))
}

//go:noinline
func loads(w *atomic.Uint64) scenario.Loop {
	return func(n int) {
		for range n {
			if w.Load() > uint64(word.MaxClosed) {
				panic(scenario.UnexpectedReject)
			}
			if w.Load()&uint64(word.Unhealthy) != 0 {
				panic(scenario.Failed)
			}
		}
	}
}

//go:noinline
func loadsElsewhere(w *atomic.Uint64) scenario.Loop {
	return func(n int) {
		for range n {
			if w.Load() > uint64(word.MaxClosed) {
				panic(scenario.UnexpectedReject)
			}
			if w.Load()&uint64(word.Unhealthy) != 0 {
				panic(scenario.Failed)
			}
		}
	}
}

func loadReject() scenario.Loop {
	w := new(atomic.Uint64)
	w.Store(uint64(word.MaxClosed) + 1)
	return func(n int) {
		for range n {
			if w.Load() <= uint64(word.MaxClosed) {
				panic(scenario.UnexpectedAdmit)
			}
		}
	}
}

func handPair() scenario.Loop {
	w := new(atomic.Uint64)
	return func(n int) {
		for range n {
			if w.Load() > uint64(word.MaxClosed) && !slowAllow(w) {
				panic(scenario.UnexpectedReject)
			}
			if w.Load()&uint64(word.Unhealthy) != 0 {
				slowSuccess(w)
			}
		}
	}
}

//go:noinline
func slowAllow(w *atomic.Uint64) bool { return w.Load() <= uint64(word.MaxClosed) }

//go:noinline
func slowSuccess(w *atomic.Uint64) { w.Store(0) }

func clock() scenario.Loop {
	start := time.Now()
	return func(n int) {
		for range n {
			time.Since(start)
		}
	}
}
