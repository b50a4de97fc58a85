// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// drive makes calls, evenly spread over time. fails says whether the sink fails a call at that time
// since the start. drive returns the number of calls and how many of them were rejected.
func drive(b *atomicbreaker.Breaker, each, during time.Duration, fails func(at time.Duration) bool) (calls, away int) {
	start := time.Now()
	for time.Since(start) < during {
		wait(each)
		calls++
		p, ok := b.TryAcquire()
		switch {
		case !ok:
			away++
		case fails(time.Since(start)):
			p.Failure()
		default:
			p.Success()
		}
	}
	return calls, away
}

// The sink is down for four hours, which raises the back-off to an hour. Then it fails for one
// second every fifty minutes. An open hour for each such second would reject most calls.
func TestVirtualTime_ALongOutageIsForgivenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithBackoff(time.Hour))
		const each = 100 * time.Millisecond
		drive(b, each, 4*time.Hour, func(time.Duration) bool { return true })
		require.Equal(t, atomicbreaker.Open, b.State())
		require.GreaterOrEqual(t, b.Snapshot().Attempt, 9)
		for b.State() != atomicbreaker.Closed {
			drive(b, each, each, func(time.Duration) bool { return false })
		}

		blips := 0
		calls, away := drive(b, each, 22*time.Hour, func(at time.Duration) bool {
			blip := at%(50*time.Minute) >= 50*time.Minute-time.Second
			if blip && (at-each)%(50*time.Minute) < 50*time.Minute-time.Second {
				blips++
			}
			return blip
		})
		share := float64(away) / float64(calls)
		t.Logf("%d blips rejected %d of %d calls: %.2f %%", blips, away, calls, 100*share)
		require.Equal(t, 26, blips)
		// Each blip costs one plain recovery timeout of 30 s, which is 1 % of 50 minutes.
		require.Positive(t, away)
		require.Less(t, share, 0.015)
	})
}

// A sink that fails too many calls, but not all, trips slowly. At the end of almost every stability
// timeout a failure is counted, so little is forgiven and the open periods grow to the cap.
func TestVirtualTime_ASlowTripBacksOff(t *testing.T) {
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			var opened, ended []time.Time
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureRate(0.2), atomicbreaker.WithFailureThreshold(100),
				atomicbreaker.WithRecoveryTimeout(time.Second), atomicbreaker.WithBackoff(5*time.Minute),
				atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) {
					if tr.To == atomicbreaker.Open {
						opened = append(opened, tr.At)
					} else if tr.From == atomicbreaker.Open {
						ended = append(ended, tr.At)
					}
				}))
			random := rand.New(rand.NewPCG(seed, 0))
			var shares []float64
			for range 3 {
				calls, away := drive(b, 100*time.Millisecond, time.Hour, func(time.Duration) bool { return random.Float64() < 0.3 })
				shares = append(shares, float64(away)/float64(calls))
			}
			var periods []time.Duration
			for i := range ended {
				periods = append(periods, ended[i].Sub(opened[i]).Round(time.Second))
			}
			t.Logf("seed %d: rejected in each hour %.0f %%, %.0f %%, %.0f %%; open for %v",
				seed, 100*shares[0], 100*shares[1], 100*shares[2], periods)
			require.Equal(t, time.Second, periods[0])
			assert.Equal(t, 5*time.Minute, slices.Max(periods))
			// 80 s to trip and 300 s open make 79 %. A breaker that never backs off rejects 1 %.
			assert.Greater(t, shares[1], 0.6)
			assert.Greater(t, shares[2], 0.6)
		})
	}
}

// A tiny recovery timeout does not turn the stability timer into a busy loop.
func TestVirtualTime_StabilityTakesAtLeastTenMilliseconds(t *testing.T) {
	const least = 10 * time.Millisecond
	for _, tt := range []struct{ recovery, stable time.Duration }{
		{1, least},
		{time.Millisecond, least},
		{least - 1, least},
		{least, least},
		{least + 1, least + 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(tt.recovery))
			b.Start(word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 1, Attempt: 5, Calls: 1}))
			b.RecordSuccess()
			for _, attempt := range []int{6, 3, 1} {
				wait(tt.stable - tick)
				require.Equal(t, attempt, b.Snapshot().Attempt, "%v", tt.recovery)
				wait(tick)
			}
			require.Zero(t, b.Snapshot().Attempt)
			b.Trip()
			coolsFor(t, b, tt.recovery)
		})
	}
}
