// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// BenchmarkFleet weighs a fleet of each size, and times how long it takes until all have tripped
// and all have recovered.
func BenchmarkFleet(b *testing.B) {
	for _, subject := range rivals.All {
		if subject.Fleet == nil {
			continue
		}
		for _, n := range []int{1, 1000, 1_000_000} {
			if n > subject.Fleet.Max() {
				continue
			}
			b.Run(fmt.Sprintf("impl=%s/breakers=%d", subject.Name, n), func(b *testing.B) {
				measureFleet(b, subject.Fleet, n)
			})
		}
	}
}

func measureFleet(b *testing.B, fleet scenario.Fleet, n int) {
	b.Helper()
	closed, open := fleet.Weigh(n)
	b.ReportMetric(0, "ns/op") // would include making them
	b.ReportMetric(closed, "closed-B/breaker")
	if open == 0 {
		return
	}
	b.ReportMetric(open, "open-B/breaker")
	var trip, recovered time.Duration
	for range b.N {
		t, r := fleet.Time(n)
		trip += t
		recovered += r
	}
	calls := float64(b.N) * float64(n)
	b.ReportMetric(float64(trip)/calls, "trip-ns/breaker")
	b.ReportMetric(float64(recovered)/calls, "recover-ns/breaker")
}
