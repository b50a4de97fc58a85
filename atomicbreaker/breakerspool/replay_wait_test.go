// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestReplay_WaitsForTheBreaker tests when Replay writes after a failure that opens the breaker.
func TestReplay_WaitsForTheBreaker(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration // the failure
		wake  func(b *atomicbreaker.Breaker)
		want  time.Duration // from the failure to the next write
	}{
		"a quiet process: its write is the probe": {0, func(*atomicbreaker.Breaker) {}, time.Minute},
		"the breaker is reset":                    {7 * time.Second, (*atomicbreaker.Breaker).Reset, 7 * time.Second},
		"the breaker is forced closed":            {9 * time.Second, (*atomicbreaker.Breaker).ForceClosed, 9 * time.Second},
		"a forced open breaker is reset":          {0, forceOpenThenReset, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openSpool(t, t.TempDir())
				b := newBreaker()
				write(t, s, "a\n")
				sink := &calls{does: func(call int, p []byte) (int, error) {
					if call == 0 {
						return 0, errDown
					}
					return len(p), nil
				}}
				stop := replay(t, s, b, sink)
				began := time.Now()
				time.Sleep(c.after)
				synctest.Wait()
				go c.wake(b)
				time.Sleep(24 * time.Hour)
				stop()
				require.Len(t, sink.times, 2)
				assert.InDelta(t, c.want.Seconds(), sink.times[1].Sub(began).Seconds(), 0.002)
				assert.Zero(t, s.Stats().Records)
			})
		})
	}
}

func forceOpenThenReset(b *atomicbreaker.Breaker) {
	b.ForceOpen()
	time.Sleep(time.Hour)
	b.Reset()
}

// TestReplay_HalfOpenWithoutAFreePlace gets its turn when the place is given back, which is no
// transition.
func TestReplay_HalfOpenWithoutAFreePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		b := newBreaker()
		b.Trip()
		time.Sleep(time.Minute + time.Second)
		p, ok := b.TryAcquire()
		require.True(t, ok)
		sink := &calls{}
		write(t, s, "a\n")
		stop := replay(t, s, b, sink)
		time.Sleep(time.Second)
		assert.Empty(t, sink.all())
		p.Cancel()
		time.Sleep(time.Second)
		stop()
		assert.Equal(t, []string{"a\n"}, sink.all())
		assert.Equal(t, atomicbreaker.Closed, b.State())
	})
}

// TestReplay_BacksOff repeats a write after 100 ms, then after twice as long, up to 10 s. A success
// begins anew.
func TestReplay_BacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		b := newBreaker(atomicbreaker.WithFailureThreshold(100))
		write(t, s, "a\n", "b\n")
		sink := &calls{does: func(call int, p []byte) (int, error) {
			if call == 9 {
				return len(p), nil
			}
			return 0, errDown
		}}
		stop := replay(t, s, b, sink)
		time.Sleep(time.Minute)
		stop()
		var delays []time.Duration
		for i := range 11 {
			delays = append(delays, sink.times[i+1].Sub(sink.times[i]))
		}
		const ms = time.Millisecond
		assert.Equal(t, []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 10000 * ms, 10000 * ms, 0, 100 * ms}, delays)
	})
}

// TestReplay_Rate counts lines: n records take n/rate, in writes of at most a second's records.
func TestReplay_Rate(t *testing.T) {
	for name, c := range map[string]struct {
		write string // repeated 200 times
		rate  float64
		opts  []breakerspool.ReplayOption
		most  int // lines in a write
		want  time.Duration
	}{
		"single records":     {"a\n", 10, nil, 1, 20 * time.Second},
		"joined":             {"a\n", 10, []breakerspool.ReplayOption{breakerspool.WithBatch(1 << 20)}, 10, 20 * time.Second},
		"lines of one write": {"a\nb\nc\n", 2, nil, 2, 300 * time.Second},
		"less than one":      {"a\n", 0.1, []breakerspool.ReplayOption{breakerspool.WithBatch(1 << 20)}, 1, 2000 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openSpool(t, t.TempDir())
				for range 200 {
					write(t, s, c.write)
				}
				sink := &calls{}
				stop := replay(t, s, newBreaker(), sink, append(c.opts, breakerspool.WithRate(c.rate))...)
				began := time.Now()
				time.Sleep(24 * time.Hour)
				stop()
				assert.Zero(t, s.Stats().Records)
				lines, most := 0, 0
				for _, w := range sink.all() {
					n := strings.Count(w, "\n")
					lines, most = lines+n, max(most, n)
				}
				assert.Equal(t, 200*strings.Count(c.write, "\n"), lines)
				assert.Equal(t, c.most, most)
				last := sink.times[len(sink.times)-1].Sub(began)
				assert.InDelta(t, c.want.Seconds(), last.Seconds(), 1+1/c.rate)
			})
		})
	}
}

// A record that the sink refuses was offered to it, and counts for the rate.
func TestReplay_RateCoversRefusedRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, lines(numbered(100))...)
		sink := &calls{does: func(int, []byte) (int, error) { return 0, errMalformed }}
		stop := replay(t, s, newBreaker(), sink, breakerspool.WithRate(1), breakerspool.WithRecordErrors(isMalformed))
		time.Sleep(50*time.Second + time.Millisecond)
		assert.EqualValues(t, 51, s.Stats().Dropped)
		stop()
	})
}

// TestReplay_RetryAfterOfTheError waits as long as the sink says.
func TestReplay_RetryAfterOfTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		b := newBreaker(atomicbreaker.WithRetryAfter(func(error) (time.Duration, bool) { return 17 * time.Minute, true }))
		write(t, s, "a\n")
		sink := &calls{does: func(call int, p []byte) (int, error) {
			if call == 0 {
				return 0, errDown
			}
			return len(p), nil
		}}
		stop := replay(t, s, b, sink)
		time.Sleep(time.Hour)
		stop()
		require.Len(t, sink.times, 2)
		assert.InDelta(t, 17*60, sink.times[1].Sub(sink.times[0]).Seconds(), 2)
	})
}
