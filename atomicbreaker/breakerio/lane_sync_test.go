// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"io"
	"io/fs"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// slowSync is a sink whose Sync takes a while.
type slowSync struct {
	io.Writer
	takes time.Duration
}

func (s slowSync) Sync() error { time.Sleep(s.takes); return nil }
func (slowSync) Close() error  { return nil }

// A Sync that takes longer than the timeout of a write does not make the sink hang.
func TestLane_SlowSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lane := breakerio.NewLane(slowSync{io.Discard, 300 * time.Millisecond}, 50*time.Millisecond)
		b := breaker(atomicbreaker.WithFailureThreshold(1))
		fallback := &journal{}
		w := guardLane(b, lane, fallback)
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, w.Sync()) })
		synctest.Wait()
		for range 2 {
			_, err := io.WriteString(w, "during\n")
			require.NoError(t, err)
			_, err = io.WriteString(lane, "during\n")
			require.ErrorIs(t, err, breakerio.ErrBusy)
		}
		wg.Wait()
		_, err := io.WriteString(w, "after\n")
		require.NoError(t, err)
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Equal(t, []int{2, 0}, []int{fallback.having("during"), fallback.having("after")})
		require.Zero(t, lane.Late())
		require.NoError(t, lane.Close())
	})
}

// Sync has its own timeout. A sink that exceeds it hangs.
func TestLane_HungSync(t *testing.T) {
	for name, c := range map[string]struct {
		timeout time.Duration
		opts    []breakerio.LaneOption
		want    time.Duration
	}{
		"default":        {time.Second, nil, 5 * time.Second},
		"longer timeout": {7 * time.Second, nil, 7 * time.Second},
		"option":         {time.Second, []breakerio.LaneOption{breakerio.WithSyncTimeout(2 * time.Second)}, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lane := breakerio.NewLane(slowSync{io.Discard, time.Minute}, c.timeout, c.opts...)
				began := time.Now()
				err := lane.Sync()
				require.ErrorIs(t, err, breakerio.ErrHung)
				require.EqualError(t, err, "breakerio: lane: sink did not answer within "+c.want.String())
				require.Equal(t, c.want, time.Since(began))
				err = lane.Sync()
				require.ErrorIs(t, err, breakerio.ErrBusy)
				require.EqualError(t, err, "breakerio: lane of width 1: sink busy")
				_, err = lane.Write(nil)
				require.EqualError(t, err, "breakerio: lane: sink did not answer within "+c.timeout.String())
				require.ErrorIs(t, err, breakerio.ErrHung, "the sink hangs, and no write has returned ErrHung for a timeout")
				_, err = lane.Write(nil)
				require.ErrorIs(t, err, breakerio.ErrBusy)
				require.Equal(t, c.want, time.Since(began))
				require.ErrorIs(t, lane.Close(), breakerio.ErrHung)
				time.Sleep(time.Minute)
				require.Zero(t, lane.Late(), "no write was late")
			})
		})
	}
}

// A Writer's Sync goes through the lane.
func TestLane_Sync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var did []string
		lane := breakerio.NewLane(syncer{io.Discard, "sink", &did, errDown}, time.Second)
		require.ErrorIs(t, breakerio.NewWriter(breaker(), lane, nil).Sync(), errDown)
		require.ErrorIs(t, lane.Close(), errDown)
		require.Equal(t, []string{"sync sink", "close sink"}, did)
		require.ErrorIs(t, lane.Sync(), fs.ErrClosed)

		v := newValve()
		lane = breakerio.NewLane(v, time.Second)
		_, err := lane.Write([]byte("1"))
		require.ErrorIs(t, err, breakerio.ErrHung)
		require.ErrorIs(t, lane.Sync(), breakerio.ErrBusy)
		v.open()
		synctest.Wait()
		require.NoError(t, lane.Sync(), "a sink without Sync is fine")
		require.Equal(t, uint64(1), lane.Late())
		require.NoError(t, lane.Close())
	})
}
