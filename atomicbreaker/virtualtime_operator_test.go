// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/goroutines"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Of two calls that fail at once, one trips the breaker and the other brings a Retry-After. The
// timer of the first is not stopped, and must not shorten the second one's wait.
func TestVirtualTime_TripForJustAfterAnotherCallsTripHolds(t *testing.T) {
	for _, after := range []time.Duration{0, tick, 10*time.Second - tick, 10 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var made []atomicbreaker.Transition
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(10*time.Second),
				atomicbreaker.WithBackoff(10*time.Second), atomicbreaker.WithJitter(0),
				atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) { made = append(made, tr) }))
			b.RecordFailure()
			wait(after)
			b.TripFor(time.Minute)
			coolsFor(t, b, time.Minute+time.Second)
			assert.Equal(t, []atomicbreaker.Transition{
				{
					Name: "sink", From: atomicbreaker.Closed, To: atomicbreaker.Open, Generation: 1,
					Cause: atomicbreaker.CauseFailureThreshold, Failures: 1,
				},
				{
					Name: "sink", From: atomicbreaker.Open, To: atomicbreaker.Open, Generation: 2,
					Cause: atomicbreaker.CauseTripped, Failures: 1,
				},
			}, undated(made...))
		})
	}
}

// "120 s" and then "1 s" leaves 120 s: the answer of another server says nothing about the first
// one.
func TestVirtualTime_TripForNeverShortens(t *testing.T) {
	const d, slack = 120 * time.Second, time.Second
	for name, first := range map[string]func(*atomicbreaker.Breaker) time.Duration{
		"TripFor":              func(b *atomicbreaker.Breaker) time.Duration { b.TripFor(d); return d + slack },
		"the recovery timeout": func(b *atomicbreaker.Breaker) time.Duration { b.Trip(); return 60 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l := kept(t, atomicbreaker.WithRecoveryTimeout(60*time.Second))
				left := first(b)
				for _, shorter := range []time.Duration{-1, 0, 1, time.Second, left - 1, left} {
					b.TripFor(shorter)
					require.Equal(t, left, b.RetryAfter(), "TripFor(%v)", shorter)
				}
				wait(10 * time.Second)
				b.TripFor(left - 10*time.Second)
				require.Len(t, l.all(), 1)
				coolsFor(t, b, left-10*time.Second)
			})
		})
	}
}

func TestVirtualTime_TripForCoolsAlsoWithoutARecoveryTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0))
		b.TripFor(4 * time.Second)
		coolsFor(t, b, 4400*time.Millisecond)
		b.TripFor(5 * time.Second)
		coolsFor(t, b, 5500*time.Millisecond)
		p := probe(t, b)
		p.Failure()
		require.True(t, b.Snapshot().ProbeDue, "another opening was not due at once")
	})
}

// A Reset may come just before the timer, at the same nanosecond (in either order) or just after.
// The old timer then meets a closed breaker, or a breaker that has reopened and must cool for its
// full time (I3).
func TestVirtualTime_AResetNearTheTimersExpiryIsNotUndone(t *testing.T) {
	const d = 10 * time.Second
	for _, at := range []time.Duration{d - tick, d, d + tick} {
		synctest.Test(t, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(d), atomicbreaker.WithBackoff(time.Hour))
			b.Trip()
			time.Sleep(at) // no synctest.Wait: at d the timer is about to fire, or firing
			b.Reset()
			wait(tick)
			require.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.Closed, Generation: 2}, b.Snapshot())
			require.True(t, b.Allow())
		})
		synctest.Test(t, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(d))
			b.Trip()
			time.Sleep(at)
			b.Reset()
			b.Trip()
			coolsFor(t, b, d)
		})
	}
}

func TestVirtualTime_JitterOnlyLengthensAndStaysWithinTheFraction(t *testing.T) {
	const d, fraction = 10 * time.Second, 0.5
	synctest.Test(t, func(t *testing.T) {
		shortest, longest := time.Duration(math.MaxInt64), time.Duration(0)
		for i := range 1000 {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(d),
				atomicbreaker.WithBackoff(d), atomicbreaker.WithJitter(fraction)) // also beyond the cap
			b.RecordFailure()
			left := b.RetryAfter()
			require.GreaterOrEqual(t, left, d)
			require.LessOrEqual(t, left, d+d/2)
			shortest, longest = min(shortest, left), max(longest, left)
			if i%50 == 0 { // the timer is as long as RetryAfter says
				coolsFor(t, b, left)
			}
		}
		// The chance that a thousand draws miss a fifth of the range at either end is one in 10^96.
		assert.Less(t, shortest, d+d/10)
		assert.Greater(t, longest, d+d*4/10)
	})
}

// Jitter lengthens the stability timer too, each time that it starts.
func TestVirtualTime_JitterOnlyLengthensStability(t *testing.T) {
	const d, step = 10 * time.Second, 100 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		var longest [2]time.Duration
		for range 50 {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(d), atomicbreaker.WithBackoff(time.Hour),
				atomicbreaker.WithJitter(0.5))
			b.Start(word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 1, Attempt: 2, Calls: 1}))
			b.RecordSuccess()
			for i, attempt := range []int{3, 1} {
				var took time.Duration
				for b.Snapshot().Attempt == attempt {
					require.Less(t, took, d+d/2+step, "forgiven too late")
					wait(step)
					took += step
				}
				require.Equal(t, attempt/2, b.Snapshot().Attempt)
				require.GreaterOrEqual(t, took, d, "forgiven too early") // the second may have started a step before
				longest[i] = max(longest[i], took)
			}
		}
		// The chance that fifty draws miss the upper half of the range is one in 10^15.
		assert.Greater(t, longest[0], d+d/4)
		assert.Greater(t, longest[1], d+d/4)
	})
}

func TestVirtualTime_HugeDurationsDoNotOverflow(t *testing.T) {
	const century = 100 * 365 * 24 * time.Hour
	const longest = time.Duration(math.MaxInt64)
	for name, opts := range map[string][]atomicbreaker.Option{
		"recovery timeout": {atomicbreaker.WithRecoveryTimeout(longest), atomicbreaker.WithBackoff(longest)},
		"its jitter":       {atomicbreaker.WithRecoveryTimeout(longest), atomicbreaker.WithJitter(1)},
		"jitter":           {atomicbreaker.WithRecoveryTimeout(century), atomicbreaker.WithJitter(1e300)},
		"both":             {atomicbreaker.WithRecoveryTimeout(longest), atomicbreaker.WithJitter(math.MaxFloat64)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := atomicbreaker.MustNew("sink", opts...)
				b.Trip()
				require.GreaterOrEqual(t, b.RetryAfter(), century)
				wait(century - tick)
				require.False(t, b.Snapshot().ProbeDue)
				require.Positive(t, b.RetryAfter())
			})
		})
	}
	t.Run("back-off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1),
				atomicbreaker.WithRecoveryTimeout(time.Second), atomicbreaker.WithBackoff(longest))
			b.RecordFailure()
			want := time.Second
			for left := century; want < left; want *= 2 {
				coolsFor(t, b, want)
				left -= want
				p := probe(t, b)
				p.Failure()
			}
			require.GreaterOrEqual(t, b.Snapshot().Attempt, 31, "attempt did not saturate")
			require.Equal(t, time.Second<<31, b.RetryAfter())
		})
	})
	t.Run("TripFor, many times", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink")
			for range 100 {
				b.TripFor(longest)
				wait(time.Millisecond)
			}
			require.Equal(t, uint32(1), b.Snapshot().Generation, "a second open period began")
			require.GreaterOrEqual(t, b.RetryAfter(), century)
		})
	})
	t.Run("TripFor and probe timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithProbeTimeout(longest))
			b.Trip()
			wait(30 * time.Second)
			p := probe(t, b)
			wait(century)
			require.Equal(t, atomicbreaker.HalfOpen, b.State())
			p.Success()
			for i, d := range []time.Duration{longest - time.Second - 1, longest - time.Second, longest - 1, longest} {
				b.Reset()
				b.TripFor(d)
				require.Equal(t, min(d, longest-time.Second)+time.Second, b.RetryAfter(), "%d", i)
			}
			generation := b.Snapshot().Generation
			b.TripFor(longest)
			require.Equal(t, generation, b.Snapshot().Generation, "TripFor began a period no longer than the time left")
			wait(century)
			require.False(t, b.Snapshot().ProbeDue)
			b.TripFor(longest)
			require.Equal(t, longest, b.RetryAfter())
		})
	})
}

// Operators disagree at the same moment. The breaker cools for the longest time that one of them
// names, whichever comes first. The transitions depend on the order; there are at most as many as
// different times.
func TestVirtualTime_RacingTripForsCoolForTheLongest(t *testing.T) {
	const rounds, operators, calls = 3000, 4, 8
	synctest.Test(t, func(t *testing.T) {
		for round := range rounds {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(time.Second))
			together(operators, func(i int) {
				for range calls {
					b.TripFor(time.Duration((i+round)%operators+1) * time.Minute)
				}
			})
			require.LessOrEqual(t, b.Snapshot().Generation, uint32(operators), "round %d", round)
			require.Equal(t, operators*time.Minute+time.Second, b.RetryAfter(), "round %d", round)
			if round%100 == 0 { // the timer is as long as RetryAfter says
				coolsFor(t, b, operators*time.Minute+time.Second)
			}
		}
	})
}

// Breakers that are open, probing, closing or publishing have pending timers and no goroutine. The
// bubble does not end while one of its goroutines lives, so the test shows this twice.
func TestVirtualTime_LeavesNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := goroutines.Count(goroutines.Bubble)
		none := func(when string) {
			t.Helper()
			synctest.Wait()
			assert.Equal(t, before, goroutines.Count(goroutines.Bubble), when)
		}
		var received atomic.Int64
		breakers := make([]*atomicbreaker.Breaker, 300)
		for i := range breakers {
			breakers[i] = atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(time.Second),
				atomicbreaker.WithAsyncOnTransition(func(atomicbreaker.Transition) { received.Add(1) }))
			breakers[i].Trip()
		}
		none("300 open")
		wait(time.Second)
		for i, b := range breakers {
			p := probe(t, b)
			if i%2 == 0 {
				p.Success()
			}
		}
		none("150 half-open, 150 closed and not stable yet")
		wait(time.Hour)
		none("all timers fired")
		assert.EqualValues(t, 300*3, received.Load(), "want a trip, a probe, and a success or timeout for each")
		runtime.KeepAlive(breakers) // a timer makes no transition of a breaker that was dropped
	})
}
