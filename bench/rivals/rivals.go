// SPDX-License-Identifier: Apache-2.0

// Package rivals lists the implementations that benchmarks and ratios time.
//
// Each has a folder. For every scenario it has a loop of its own, written as its user would write
// it, because code shared between types costs more than what is measured. A generic loop turns the
// healthy pair, 0.5 ns, into 2.6 ns: the methods of a type parameter are called through a
// dictionary and are not inlined. So each loop is written once, in the folder atomic, and go
// generate copies it into the others; a test compares them. pair.go has the calls that report
// without a permit, permit.go those in two steps, and do.go those that take a function. The file
// adapter.go gives a breaker the methods that the loops call, in one line each, which the compiler
// inlines.
//
// The functions that make a loop are marked noinline. Otherwise the compiler would inline them into
// the package's init, which is so large that nothing else is inlined there, and the healthy pair
// would become four times as slow.
package rivals

import (
	"slices"

	"github.com/sinkguard/go-atomicbreaker/bench/queues"
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

// All lists all subjects, in the order of the tables: ours, the controls, the rivals, the limits,
// the queues.
var All = slices.Concat(
	[]scenario.Subject{atomic.Subject, atomic.Timer, adapters.Breakerio, adapters.Breakerslog},
	[]scenario.Subject{mutex.Subject, rwmutex.Subject, unpacked.Subject},
	Libraries,
	[]scenario.Subject{
		limits.Load, limits.Hand, limits.Clock, limits.Bare, limits.Unsafe, limits.Permit,
		adapters.Batcher, limits.Bufio, limits.Pace, limits.Plain, limits.Handoff,
	},
	queues.Subjects(),
)

// Libraries lists the rivals: breakers that a Go user might pick instead.
var Libraries = []scenario.Subject{
	gobreaker.Subject,
	failsafe.Subject,
	eapache.Subject,
	rubyist.Subject,
	gozero.Subject,
	hystrix.Subject,
	handy.Subject,
}

// New prepares a scenario for an implementation and returns its loop, or nil if there is none.
func New(s scenario.Scenario, impl string) scenario.Loop {
	for _, subject := range All {
		if subject.Name == impl {
			if set := subject.All()[s]; set != nil {
				return set()
			}
		}
	}
	return nil
}
