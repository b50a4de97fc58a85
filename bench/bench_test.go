// SPDX-License-Identifier: Apache-2.0

// Package bench has the benchmarks. README.md explains the folders, and how to add a library or a
// queue.
package bench

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// The names are keys of benchstat: benchstat -col /impl -row /call,/g puts the implementations side
// by side.

// scale lists the numbers of goroutines that share a breaker. The recorded results come from two
// cores: beyond two goroutines they show the scheduler and the lock, not more processors.
var scale = []int{1, 2, 4, 16, 256, 4096}

func BenchmarkHealthy(b *testing.B) {
	run(b, scale, scenario.Pair, scenario.Do)
	run(b, []int{1, 2}, scenario.Permit)
}

func BenchmarkRejecting(b *testing.B) {
	run(b, []int{1, 2},
		scenario.Reject, scenario.RejectPermit, scenario.RejectDo, scenario.RejectHalfOpen)
}

func BenchmarkFlaky(b *testing.B) {
	run(b, scale, scenario.Flaky100Do)
	run(b, []int{2},
		scenario.Flaky1000, scenario.Flaky100, scenario.Flaky4,
		scenario.Flaky1000Permit, scenario.Flaky100Permit, scenario.Flaky4Permit,
		scenario.Flaky1000Do, scenario.Flaky4Do)
}

func BenchmarkStorm(b *testing.B) { run(b, []int{1, 2, 64}, scenario.Storm) }
func BenchmarkHerd(b *testing.B)  { run(b, []int{1, 64}, scenario.Herd) }
func BenchmarkCycle(b *testing.B) { run(b, []int{1}, scenario.Cycle, scenario.CycleHook) }

func BenchmarkLog(b *testing.B) {
	run(b, []int{1},
		scenario.SlogDiscard, scenario.ZapDiscard, scenario.ZerologDiscard,
		scenario.SlogFile, scenario.ZapFile, scenario.ZerologFile)
}

// BenchmarkIsolation measures what a breaker for each goroutine would gain: goroutines that share
// one write to the same word when they fail.
func BenchmarkIsolation(b *testing.B) {
	scenarios := []scenario.Scenario{
		scenario.Pair, scenario.Flaky1000, scenario.Flaky100, scenario.Flaky4,
	}
	for _, s := range scenarios {
		share := "0%"
		if _, keys, ok := strings.Cut(string(s), "fails="); ok {
			share, _, _ = strings.Cut(keys, "/")
		}
		for _, impl := range []string{"atomic", "mutex"} {
			for _, breakers := range []string{"one", "each"} {
				name := fmt.Sprintf("impl=%s/fails=%s/breakers=%s/g=2", impl, share, breakers)
				b.Run(name, func(b *testing.B) {
					loops := []scenario.Loop{rivals.New(s, impl), rivals.New(s, impl)}
					if breakers == "one" {
						loops[1] = loops[0]
					}
					var next atomic.Int64
					each := func(n int) { loops[next.Add(1)-1](n) }
					scenario.Spread(each, b.N, len(loops), b.ResetTimer)
				})
			}
		}
	}
}

// run runs the scenarios for every subject that has them.
func run(b *testing.B, goroutines []int, scenarios ...scenario.Scenario) {
	b.Helper()
	for _, s := range scenarios {
		_, keys, _ := strings.Cut(string(s), "/")
		for _, subject := range rivals.All {
			set := subject.All()[s]
			if set == nil {
				continue
			}
			for _, g := range goroutines {
				var loop scenario.Loop
				b.Run(fmt.Sprintf("impl=%s/%s/g=%d", subject.Name, keys, g), func(b *testing.B) {
					if loop == nil { // once, not for each b.N: some loops leave a goroutine behind
						loop = set()
					}
					b.ReportAllocs()
					scenario.Spread(loop, b.N, g, b.ResetTimer)
				})
			}
		}
	}
}
