// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestDrainFirst_TotalOrder has several writers, and a sink that fails now and then. Each writer's
// records arrive in its order, and once.
func TestDrainFirst_TotalOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		sink := &calls{does: func(call int, p []byte) (int, error) {
			time.Sleep(time.Millisecond)
			if call%7 == 0 || call%50 > 45 {
				return 0, errDown
			}
			return len(p), nil
		}}
		b := newBreaker(atomicbreaker.WithRecoveryTimeout(20*time.Millisecond), atomicbreaker.WithFailureThreshold(2))
		w := breakerio.NewWriter(b, s.DrainFirst(sink), s)
		stop := replay(t, s, b, sink)
		const writers, records = 5, 200
		var wg sync.WaitGroup
		for g := range writers {
			wg.Go(func() {
				for i := range records {
					write(t, w, fmt.Sprintf("%d %d\n", g, i))
					time.Sleep(time.Duration(i%40) * time.Millisecond)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Hour)
		stop()
		next := make([]int, writers)
		for call, line := range sink.all() {
			if call%7 == 0 || call%50 > 45 {
				continue
			}
			var g, i int
			_, err := fmt.Sscanf(line, "%d %d", &g, &i)
			require.NoError(t, err)
			require.Equal(t, next[g], i, "of writer %d", g)
			next[g]++
		}
		for g := range writers {
			assert.Equal(t, records, next[g])
		}
		assert.Positive(t, w.Stats().Busy)
		assert.Zero(t, s.Stats().Records)
		before := s.Stats().Appended
		write(t, w, "direct\n")
		assert.Equal(t, before, s.Stats().Appended, "an empty spool is not asked")
	})
}

// TestDrainFirst_IsBusyWhileTheLastRecordIsInFlight also when a limit has dropped its segment.
func TestDrainFirst_IsBusyWhileTheLastRecordIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir(), breakerspool.WithMaxAge(time.Hour))
		write(t, s, "a\n")
		release := make(chan struct{})
		stop := replay(t, s, newBreaker(), &calls{does: func(_ int, p []byte) (int, error) { <-release; return len(p), nil }})
		time.Sleep(2 * time.Hour)
		assert.Zero(t, s.Stats().Records, "too old")
		primary := &calls{}
		d := s.DrainFirst(primary)
		_, err := d.Write([]byte("b\n"))
		assert.ErrorIs(t, err, breakerio.ErrBusy)
		close(release)
		synctest.Wait()
		write(t, d, "b\n")
		assert.Equal(t, []string{"b\n"}, primary.all())
		stop()
		assert.Zero(t, s.Stats().Dropped, "the sink took it")
	})
}

func TestDrainFirst_Panics(t *testing.T) {
	assert.PanicsWithValue(t, "breakerspool: DrainFirst needs a primary", func() { openSpool(t, t.TempDir()).DrainFirst(nil) })
}

// hanging is a primary with everything that an adapter may look for.
type hanging struct {
	calls
	synced, closed bool
}

func (h *hanging) Sync() error  { h.synced = true; return errDown }
func (h *hanging) Close() error { h.closed = true; return errDown }
func (h *hanging) Late() uint64 { return 7 }

func TestDrainFirst_PassesOn(t *testing.T) {
	s := openSpool(t, t.TempDir())
	h := &hanging{}
	d := s.DrainFirst(h).(interface {
		Sync() error
		Close() error
		Late() uint64
	})
	assert.ErrorIs(t, d.Sync(), errDown)
	assert.ErrorIs(t, d.Close(), errDown)
	assert.EqualValues(t, 7, d.Late())
	assert.True(t, h.synced && h.closed)
	assert.Zero(t, s.DrainFirst(&calls{}).(interface{ Late() uint64 }).Late())
}
