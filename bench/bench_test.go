// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// The names are keys of benchstat: benchstat -col /impl -row /call,/g puts the implementations side
// by side.

// scale lists the numbers of goroutines that share a breaker. The machine has two cores: beyond two
// goroutines the benchmark measures the scheduler and the lock, not more processors.
var scale = []int{1, 2, 4, 16, 256, 4096}

func BenchmarkHealthy(b *testing.B) {
	run(b, scale, Pair, Do)
	run(b, []int{1, 2}, Permit)
}

func BenchmarkRejecting(b *testing.B) {
	run(b, []int{1, 2}, Reject, RejectPermit, RejectDo, RejectHalfOpen)
}

func BenchmarkFlaky(b *testing.B) {
	run(b, scale, Flaky100Do)
	run(b, []int{2}, Flaky1000, Flaky100, Flaky4, Flaky1000Permit, Flaky100Permit, Flaky4Permit, Flaky1000Do, Flaky4Do)
}

func BenchmarkStorm(b *testing.B) { run(b, []int{1, 2, 64}, Storm) }
func BenchmarkHerd(b *testing.B)  { run(b, []int{1, 64}, Herd) }
func BenchmarkCycle(b *testing.B) { run(b, []int{1}, Cycle, CycleHook) }

func BenchmarkLog(b *testing.B) {
	run(b, []int{1}, SlogDiscard, ZapDiscard, ZerologDiscard, SlogFile, ZapFile, ZerologFile)
}

// BenchmarkIsolation measures what a breaker for each goroutine would gain: goroutines that share
// one write to the same word when they fail.
func BenchmarkIsolation(b *testing.B) {
	for _, s := range []Scenario{Pair, Flaky1000, Flaky100, Flaky4} {
		share := "0%"
		if _, keys, ok := strings.Cut(string(s), "fails="); ok {
			share, _, _ = strings.Cut(keys, "/")
		}
		for _, impl := range []string{"atomic", "mutex"} {
			for _, breakers := range []string{"one", "each"} {
				b.Run(fmt.Sprintf("impl=%s/fails=%s/breakers=%s/g=2", impl, share, breakers), func(b *testing.B) {
					loops := []Loop{New(s, impl), New(s, impl)}
					if breakers == "one" {
						loops[1] = loops[0]
					}
					var next atomic.Int64
					Spread(func(n int) { loops[next.Add(1)-1](n) }, b.N, len(loops), b.ResetTimer)
				})
			}
		}
	}
}

// run runs the scenarios for every subject that has them.
func run(b *testing.B, goroutines []int, scenarios ...Scenario) {
	b.Helper()
	for _, s := range scenarios {
		_, keys, _ := strings.Cut(string(s), "/")
		for _, subject := range Subjects {
			set := subject.Loops[s]
			if set == nil {
				continue
			}
			for _, g := range goroutines {
				var loop Loop
				b.Run(fmt.Sprintf("impl=%s/%s/g=%d", subject.Name, keys, g), func(b *testing.B) {
					if loop == nil { // once, not for each b.N: some loops leave a goroutine behind
						loop = set()
					}
					b.ReportAllocs()
					Spread(loop, b.N, g, b.ResetTimer)
				})
			}
		}
	}
}
