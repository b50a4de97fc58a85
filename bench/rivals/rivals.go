// SPDX-License-Identifier: Apache-2.0

// Package rivals lists the implementations that benchmarks and ratios time.
//
// Each has a folder. Edit its adapter.go; the files *_gen.go are copies of the loops in the folder
// atomic, and a test compares them. README.md in bench/ explains the copies and how to add a
// library. One generic loop for all would turn the healthy pair, 0.5 ns, into 2.6 ns, because the
// methods of a type parameter are called through a dictionary and are not inlined.
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
