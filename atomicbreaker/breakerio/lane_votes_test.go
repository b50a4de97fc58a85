// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// slow is a sink that takes a while for each record and counts the records.
type slow struct {
	each  time.Duration
	taken atomic.Int64
}

func (s *slow) Write(p []byte) (int, error) {
	time.Sleep(s.each)
	s.taken.Add(1)
	return len(p), nil
}

// tally counts the results of writes.
type tally struct{ taken, hung, busy, other atomic.Int64 }

func (c *tally) write(w io.Writer) {
	_, err := w.Write([]byte("record\n"))
	switch {
	case err == nil:
		c.taken.Add(1)
	case errors.Is(err, breakerio.ErrHung):
		c.hung.Add(1)
	case errors.Is(err, breakerio.ErrBusy):
		c.busy.Add(1)
	default:
		c.other.Add(1)
	}
}

// A write that exceeds the timeout is one failure, however many callers are waiting.
func TestLane_OneSlowWriteIsOneVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		lane := breakerio.NewLane(sinkFunc(func(p []byte) (int, error) {
			if first {
				first = false
				time.Sleep(150 * time.Millisecond)
			}
			return len(p), nil
		}), 100*time.Millisecond)
		b := breaker(atomicbreaker.WithFailureThreshold(2))
		w := guardLane(b, lane, &journal{})
		var wg sync.WaitGroup
		var count tally
		for range 8 {
			wg.Go(func() {
				for range 200 {
					_, err := w.Write([]byte("record\n"))
					assert.NoError(t, err)
					count.write(lane)
					time.Sleep(time.Millisecond)
				}
			})
		}
		wg.Wait()
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Zero(t, count.hung.Load(), "the write through the breaker returned the only ErrHung")
		require.Positive(t, count.busy.Load())
		require.Positive(t, count.taken.Load())
		require.Equal(t, uint64(1), lane.Late())
		require.NoError(t, lane.Close())
	})
}

// A healthy sink with more callers than it can serve in time is busy, not hanging.
func TestLane_ManyCallersOfAHealthySink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &slow{each: 10 * time.Millisecond}
		lane := breakerio.NewLane(sink, 100*time.Millisecond)
		b := breaker()
		fallback := &journal{}
		w := guardLane(b, lane, fallback)
		var wg sync.WaitGroup
		began := time.Now()
		for range 32 {
			wg.Go(func() {
				_, err := io.WriteString(w, "record\n")
				assert.NoError(t, err)
				assert.LessOrEqual(t, time.Since(began), 200*time.Millisecond, "a timeout for the turn, and one for the sink")
			})
		}
		wg.Wait()
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Equal(t, 32, int(sink.taken.Load())+fallback.having("record"))
		require.GreaterOrEqual(t, sink.taken.Load(), int64(10))
		require.Zero(t, lane.Late())
		require.NoError(t, lane.Close())
	})
}

// With one slot per goroutine, the lane does not reduce the sink's throughput. The breaker stays
// closed at width 1 as well.
func TestLane_Width(t *testing.T) {
	const callers, records, each = 64, 20, 5 * time.Millisecond
	run := func(t *testing.T, w io.Writer) time.Duration {
		t.Helper()
		var wg sync.WaitGroup
		began := time.Now()
		for range callers {
			wg.Go(func() {
				for range records {
					_, err := io.WriteString(w, "record\n")
					assert.NoError(t, err)
				}
			})
		}
		wg.Wait()
		return time.Since(began)
	}
	synctest.Test(t, func(t *testing.T) {
		bare := run(t, &slow{each: each})
		sink := &slow{each: each}
		lane := breakerio.NewLane(sink, 20*time.Millisecond, breakerio.WithWidth(callers))
		b := breaker()
		require.Equal(t, bare, run(t, guardLane(b, lane, nil)))
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Equal(t, int64(callers*records), sink.taken.Load())
		require.NoError(t, lane.Close())
	})
	synctest.Test(t, func(t *testing.T) {
		sink := &slow{each: each}
		lane := breakerio.NewLane(sink, 20*time.Millisecond)
		b := breaker()
		run(t, guardLane(b, lane, &journal{}))
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Positive(t, sink.taken.Load())
		require.NoError(t, lane.Close())
	})
}

// Stuck slots only reduce the width.
func TestLane_StuckSlotsReduceTheWidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const timeout = 100 * time.Millisecond
		sink := newValve()
		lane := breakerio.NewLane(sinkFunc(func(p []byte) (int, error) {
			if string(p) == "hang" {
				return sink.Write(p)
			}
			return len(p), nil
		}), timeout, breakerio.WithWidth(3))
		var count tally
		for range 2 {
			_, err := io.WriteString(lane, "hang")
			require.ErrorIs(t, err, breakerio.ErrHung, "each had its own timeout")
			count.write(lane)
		}
		require.Equal(t, int64(2), count.taken.Load(), "one slot is left")

		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := io.WriteString(lane, "hang")
			assert.ErrorIs(t, err, breakerio.ErrHung)
		})
		synctest.Wait()
		time.Sleep(timeout / 2)
		began := time.Now()
		for range 4 {
			wg.Go(func() {
				count.write(lane)
				assert.Equal(t, timeout/2, time.Since(began), "refused as soon as the last slot is stuck")
			})
		}
		wg.Wait()
		require.Equal(t, int64(4), count.busy.Load())
		for range 5 {
			time.Sleep(timeout)
			began = time.Now()
			for range 10 {
				count.write(lane)
			}
			require.Zero(t, time.Since(began))
		}
		require.Equal(t, int64(5), count.hung.Load(), "one per timeout")
		require.Equal(t, int64(4+45), count.busy.Load())
		require.Equal(t, 3, sink.entries())

		sink.open()
		synctest.Wait()
		require.Equal(t, uint64(3), lane.Late())
		count.write(lane)
		require.Equal(t, int64(3), count.taken.Load())
		require.NoError(t, lane.Close())
	})
}

// Slots that hang at the same time are one failure, because they time out at the same time.
func TestLane_SlotsThatHangTogetherAreOneVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newValve()
		lane := breakerio.NewLane(sink, time.Second, breakerio.WithWidth(8))
		var count tally
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { count.write(lane) })
		}
		wg.Wait()
		require.Equal(t, int64(1), count.hung.Load())
		require.Equal(t, int64(99), count.busy.Load())
		require.Equal(t, 8, sink.entries())
		sink.open()
		synctest.Wait()
		require.Equal(t, uint64(8), lane.Late())
		require.NoError(t, lane.Close())
	})
}
