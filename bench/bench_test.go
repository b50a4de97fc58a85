// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"runtime"
	"strings"
	"testing"
)

// The names are keys of benchstat: benchstat -col /impl puts the implementations side by side.

func BenchmarkPair(b *testing.B)   { run(b, 1, Pair) }
func BenchmarkPermit(b *testing.B) { run(b, 1, Permit) }
func BenchmarkDo(b *testing.B)     { run(b, 1, Do) }
func BenchmarkReject(b *testing.B) { run(b, 1, RejectOpen, RejectHalfOpen) }
func BenchmarkFlaky(b *testing.B)  { run(b, 1, Flaky100, Flaky4) }
func BenchmarkStorm(b *testing.B)  { run(b, 1, Storm) }
func BenchmarkHerd(b *testing.B)   { run(b, 64, Herd) }

// run runs the scenarios for every subject, on one goroutine and on at least as many as asked for.
func run(b *testing.B, goroutines int, scenarios ...Scenario) {
	b.Helper()
	for _, s := range scenarios {
		_, state, _ := strings.Cut(string(s), "/")
		b.Run(state, func(b *testing.B) {
			for _, subject := range Subjects {
				set := subject.Loops[s]
				if set == nil {
					continue
				}
				b.Run("impl="+subject.Name, func(b *testing.B) {
					b.Run("run=serial", func(b *testing.B) { serial(b, set()) })
					b.Run("run=parallel", func(b *testing.B) { parallel(b, set(), goroutines) })
				})
			}
		})
	}
}

func serial(b *testing.B, loop Loop) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	loop(b.N)
}

// parallel shares b.N among goroutines. The loop runs batch by batch: called for every turn of RunParallel's own, what
// is measured would be the call.
func parallel(b *testing.B, loop Loop, goroutines int) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism((goroutines + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for {
			n := 0
			for n < batch && pb.Next() {
				n++
			}
			if n == 0 {
				return
			}
			loop(n)
		}
	})
}
