// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"flag"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// One million breakers are open at once, each with a pending timer, and all of them recover. Run it
// with go test -v -run Million.
func TestMillion(t *testing.T) {
	if !strings.Contains(flag.Lookup("test.run").Value.String(), "Million") {
		t.Skip("needs much time and memory; runs only when -run names it")
	}
	const n = 1_000_000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	start := heap()
	breakers := make([]*atomicbreaker.Breaker, n)
	for i := range breakers {
		breakers[i] = atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(5*time.Second))
	}
	closed := heap() - start
	began := time.Now()
	for _, b := range breakers {
		b.Trip()
	}
	tripped := time.Since(began)
	open := heap() - start
	cooling := 0
	for _, b := range breakers {
		s := b.Snapshot()
		if s.State != atomicbreaker.Open {
			t.Fatalf("a breaker is %v: %+v", s.State, s)
		}
		if !s.ProbeDue {
			cooling++
		}
	}

	// The loop asks rejected breakers again: a breaker leaves open when a caller asks.
	waiting := append([]*atomicbreaker.Breaker(nil), breakers...)
	for len(waiting) > 0 {
		left := waiting[:0]
		for _, b := range waiting {
			if b.Allow() {
				b.RecordSuccess()
			} else {
				left = append(left, b)
			}
		}
		waiting = left
		time.Sleep(20 * time.Millisecond) // real timers, and no event to wait for
	}
	recovered := time.Since(began)
	for _, b := range breakers {
		if s := b.Snapshot(); s.State != atomicbreaker.Closed {
			t.Fatalf("a breaker is %v: %+v", s.State, s)
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d breakers: %d bytes each closed, %d open with the timer running; %d MB of stacks when the timers fired",
		n, closed/n, open/n, m.StackSys>>20)
	t.Logf("tripped in %v, %d still cooling then; all recovered %v after the first trip",
		tripped.Round(time.Millisecond), cooling, recovered.Round(time.Millisecond))
}
