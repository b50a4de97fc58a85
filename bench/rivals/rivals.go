// SPDX-License-Identifier: Apache-2.0

// Package rivals holds the loops that benchmarks and ratios time: for every scenario one body,
// written for each implementation as its user would write it.
//
// The bodies are separate code for each implementation, because code shared between types costs
// more than what is measured. A generic body turns the healthy pair, 0.5 ns in a plain loop, into
// 2.6 ns, because the methods of a type parameter are called through a dictionary and are not
// inlined. So each body is written once, for atomic, and go generate copies it for the others; a
// test compares them. atomic.go has the calls that report without a permit, atomic_permit.go those
// in two steps, and atomic_do.go those that take a function. A breaker with other method names gets
// a file of its own, with one-line methods that the compiler inlines, such as gobreaker.go.
//
// The functions that make a loop are marked noinline. Otherwise the compiler would inline them into
// the package's init, which is so large that nothing else is inlined there, and the healthy pair
// would become four times as slow.
package rivals

import (
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/adapters"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/atomic"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/eapache"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/failsafe"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/gobreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/gozero"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/handy"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/hystrix"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/limits"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/mutex"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/rubyist"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/rwmutex"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/unpacked"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// All lists all subjects, in the order of the tables: ours, the controls, the rivals, the limits.
var All = []scenario.Subject{
	atomic.Subject, atomic.Timer, adapters.Breakerio, adapters.Breakerslog, mutex.Subject, rwmutex.Subject, unpacked.Subject,
	gobreaker.Subject, failsafe.Subject, eapache.Subject, rubyist.Subject, gozero.Subject, hystrix.Subject, handy.Subject,
	limits.Load, limits.Hand, limits.Clock, limits.Bare, limits.Unsafe, limits.Permit,
	adapters.Batcher, limits.Bufio, limits.Pace, limits.Plain, limits.Handoff,
}

// New prepares a scenario for an implementation and returns its loop, or nil if there is none.
func New(s scenario.Scenario, impl string) scenario.Loop {
	for _, subject := range All {
		if set := subject.Loops[s]; subject.Name == impl && set != nil {
			return set()
		}
	}
	return nil
}
