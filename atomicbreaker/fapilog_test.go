// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// The concurrency tests of fapilog's circuit breaker, threaded and cooperative. They also check
// what fapilog does not: no outcome is lost, no limit is exceeded, and each observation follows
// from the one before.

// crew runs work on n goroutines and waits for them. work calls yield after every call of the
// breaker.
type crew func(n int, work func(i int, yield func()))

func threads(n int, work func(i int, yield func())) {
	together(n, func(i int) { work(i, func() {}) })
}

// coroutines is the counterpart of asyncio: one processor, yielded after every call.
func coroutines(n int, work func(i int, yield func())) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	together(n, func(i int) { work(i, runtime.Gosched) })
}

func TestFapilog_FailuresOfAllOpen(t *testing.T)             { failuresOpen(t, threads) }
func TestFapilog_CooperativeFailuresOfAllOpen(t *testing.T)  { failuresOpen(t, coroutines) }
func TestFapilog_OutcomesRaceInHalfOpen(t *testing.T)        { outcomesRace(t, threads) }
func TestFapilog_CooperativeOutcomesRace(t *testing.T)       { outcomesRace(t, coroutines) }
func TestFapilog_MixedOperations(t *testing.T)               { mixed(t, threads, 100) }
func TestFapilog_CooperativeMixedOperations(t *testing.T)    { mixed(t, coroutines, 20) }
func TestFapilog_OperatorsUnderObservation(t *testing.T)     { operators(t, threads) }
func TestFapilog_CooperativeOperators(t *testing.T)          { operators(t, coroutines) }
func TestFapilog_NoFailureIsLost(t *testing.T)               { noFailureIsLost(t, threads) }
func TestFapilog_CooperativeNoFailureIsLost(t *testing.T)    { noFailureIsLost(t, coroutines) }
func TestFapilog_HalfOpenLimitHolds(t *testing.T)            { halfOpenLimit(t, threads) }
func TestFapilog_CooperativeHalfOpenLimitHolds(t *testing.T) { halfOpenLimit(t, coroutines) }

// 20 goroutines record 5 failures each at threshold 10. The breaker ends open and opens once.
func failuresOpen(t *testing.T, run crew) {
	t.Helper()
	b, l := kept(t, atomicbreaker.WithFailureThreshold(10))
	run(20, func(_ int, yield func()) {
		for range 5 {
			b.RecordFailure()
			yield()
		}
	})
	require.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.Open, Generation: 1, Failures: 10}, b.Snapshot())
	requireChain(t, l.all(), b.Snapshot())
}

// 25 successes and 25 failures race in half-open, with all 10 probes in flight. The first outcome
// decides the probes. If it is a success, the next failure trips the breaker at threshold 1. Either
// way the breaker ends open.
func outcomesRace(t *testing.T, run crew) {
	t.Helper()
	for range 20 {
		b, l := kept(t, atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0),
			atomicbreaker.WithHalfOpenMaxCalls(10))
		b.RecordFailure()
		for range 10 {
			require.True(t, b.Allow())
		}
		require.False(t, b.Allow())

		run(50, func(i int, yield func()) {
			if i%2 == 0 {
				b.RecordSuccess()
			} else {
				b.RecordFailure()
			}
			yield()
		})
		require.Equal(t, atomicbreaker.Open, b.State())
		requireChain(t, l.all(), b.Snapshot())
		require.Subset(t, [][]atomicbreaker.Cause{
			{atomicbreaker.CauseProbeFailed},
			{atomicbreaker.CauseProbeSucceeded, atomicbreaker.CauseFailureThreshold},
		}, [][]atomicbreaker.Cause{l.causes()[2:]})

		require.True(t, b.Allow())
		b.RecordSuccess()
		require.Equal(t, atomicbreaker.Closed, b.State())
	}
}

// The goroutines make 100 mixed operations each: threshold 50, recovery timeout 1 ms, 5 probes. All
// operations fail at first, so 50 failures trip the breaker before the first success is recorded.
func mixed(t *testing.T, run crew, goroutines int) {
	t.Helper()
	b, l := kept(t, atomicbreaker.WithFailureThreshold(50), atomicbreaker.WithRecoveryTimeout(time.Millisecond),
		atomicbreaker.WithHalfOpenMaxCalls(5))
	samples := make([][]sample, goroutines)
	run(goroutines, func(i int, yield func()) {
		for n := range 100 {
			fails := n < 50
			switch {
			case i%10 == 9 && n >= 50:
				samples[i] = append(samples[i], look(b))
			case i%2 == 0:
				record(b, fails, yield)
			default:
				acquire(b, fails, yield)
			}
			yield()
		}
	})
	chain := l.all()
	requireChain(t, chain, b.Snapshot())
	require.NotEmpty(t, chain)
	require.Equal(t, atomicbreaker.CauseFailureThreshold, chain[0].Cause)
	require.Equal(t, 50, chain[0].Failures)
	for _, s := range samples {
		requireSeen(t, chain, s, 5)
	}

	// The breaker still works: it recovers.
	for b.State() != atomicbreaker.Closed {
		record(b, false, runtime.Gosched)
	}
	require.Zero(t, b.Snapshot().HalfOpenCalls)
}

func record(b *atomicbreaker.Breaker, fails bool, yield func()) {
	if !b.Allow() {
		yield()
		return
	}
	yield()
	if fails {
		b.RecordFailure()
	} else {
		b.RecordSuccess()
	}
}

func acquire(b *atomicbreaker.Breaker, fails bool, yield func()) {
	p, ok := b.TryAcquire()
	yield()
	if fails {
		p.Failure()
	} else if ok {
		p.Success()
	}
}

// 3 operators use every control, 17 loggers write, and an observer samples the state 100 times.
func operators(t *testing.T, run crew) {
	t.Helper()
	b, l := kept(t, atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(0),
		atomicbreaker.WithHalfOpenMaxCalls(2), atomicbreaker.WithSuccessThreshold(2))
	knobs := []func(){
		b.Trip, b.Reset, b.ForceOpen, b.ForceClosed, b.Reset, b.Trip, func() { b.TripFor(time.Hour) }, b.ForceClosed,
		b.ForceOpen, b.Reset, b.Trip,
	}
	samples := make([]sample, 100)
	run(20, func(i int, yield func()) {
		for n := range samples {
			switch {
			case i == 0:
				samples[n] = look(b)
			case i <= 3:
				knobs[(i+n)%len(knobs)]()
			default:
				acquire(b, (i+n)%3 == 0, yield)
			}
			yield()
		}
	})
	chain := l.all()
	requireChain(t, chain, b.Snapshot())
	requireSeen(t, chain, samples, 2)
	require.Contains(t, l.causes(), atomicbreaker.CauseForced)
	require.Contains(t, l.causes(), atomicbreaker.CauseReset)
	require.Contains(t, l.causes(), atomicbreaker.CauseTripped)

	b.ForceOpen()
	b.Reset()
	require.True(t, b.Allow())
}

// The goroutines record one failure fewer than the threshold, at once and in three ways. The
// breaker stays closed and counts each of them; the next failure opens it.
func noFailureIsLost(t *testing.T, run crew) {
	t.Helper()
	const goroutines, each = 20, 50
	for range 10 {
		b, l := kept(t, atomicbreaker.WithFailureThreshold(goroutines*each+1))
		run(goroutines, func(i int, yield func()) {
			for range each {
				switch i % 3 {
				case 0:
					b.RecordFailure()
				case 1:
					acquire(b, true, yield)
				default:
					assert.ErrorIs(t, b.Do(func() error { yield(); return errDown }), errDown)
				}
				yield()
			}
		})
		require.Equal(t, atomicbreaker.Snapshot{Failures: goroutines * each}, b.Snapshot())
		require.Empty(t, l.all())

		b.RecordFailure()
		require.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.Open, Generation: 1, Failures: goroutines*each + 1},
			b.Snapshot())
		require.Len(t, l.all(), 1)
	}
}

// No half-open period has more probes in flight than allowed (I5), whatever the number of
// goroutines and periods.
func halfOpenLimit(t *testing.T, run crew) {
	t.Helper()
	const goroutines, each, limit = 8, 300, 3
	b, l := kept(t, atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0),
		atomicbreaker.WithHalfOpenMaxCalls(limit), atomicbreaker.WithSuccessThreshold(4))

	// A call makes at most two transitions: one at its admission and one at its report.
	var inFlight, peak [2*goroutines*each + 1]atomic.Int32
	run(goroutines, func(i int, yield func()) {
		for n := range each {
			p, ok := b.TryAcquire()
			if !ok {
				yield()
				continue
			}
			g := p.Generation()
			raise(&peak[g], inFlight[g].Add(1))
			yield()
			runtime.Gosched()
			inFlight[g].Add(-1)
			switch (i + n) % 8 {
			case 0:
				p.Failure()
			case 1, 2:
				p.Cancel()
			default:
				p.Success()
			}
			yield()
		}
	})
	requireChain(t, l.all(), b.Snapshot())
	var periods, crowded int
	for _, made := range l.all() {
		if made.To != atomicbreaker.HalfOpen {
			continue
		}
		periods++
		most := peak[made.Generation].Load()
		require.LessOrEqual(t, most, int32(limit), "generation %d", made.Generation)
		if most > 1 {
			crowded++
		}
	}
	t.Logf("%d half-open periods, %d with probes side by side", periods, crowded)
	require.Positive(t, crowded, "no two probes overlapped, so nothing was tested")
}

func raise(peak *atomic.Int32, n int32) {
	for old := peak.Load(); n > old && !peak.CompareAndSwap(old, n); {
		old = peak.Load()
	}
}

// The first permit and the transition to half-open are one step. Of 16 goroutines that race at that
// moment, exactly as many as the limit allows are admitted.
func TestFapilog_ExactlyTheLimitAtTheEdge(t *testing.T) {
	const goroutines, rounds = 16, 300
	for _, limit := range []int{1, 3, 15} {
		b, l := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithHalfOpenMaxCalls(limit))
		for range rounds {
			b.Trip()
			var mu sync.Mutex
			var permits []atomicbreaker.Permit
			together(goroutines, func(int) {
				if p, ok := b.TryAcquire(); ok {
					mu.Lock()
					defer mu.Unlock()
					permits = append(permits, p)
				}
			})
			require.Len(t, permits, limit)
			require.Equal(t, limit, b.Snapshot().HalfOpenCalls)
			for i := range permits {
				require.Equal(t, b.Snapshot().Generation, permits[i].Generation())
			}
			b.Reset()
		}
		require.Len(t, l.all(), 3*rounds, "open, half-open and closed again")
		requireChain(t, l.all(), b.Snapshot())
	}
}
