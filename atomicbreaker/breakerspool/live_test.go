// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestReplay_ConnectionOfItsOwnIsDown gives Replay a connection that is down while live records
// reach the sink. The records are not at fault, and stay in the spool.
func TestReplay_ConnectionOfItsOwnIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, lines(numbered(20))...)
		b := newBreaker(atomicbreaker.WithFailureThreshold(5))
		live := breakerio.NewWriter(b, &sink{}, s)
		stop := replay(t, s, b, &sink{does: down}, breakerspool.WithBatch(1<<20))
		for range 600 {
			write(t, live, "live\n")
			time.Sleep(time.Second)
		}
		stop()
		assert.Zero(t, s.Stats().Dropped)
		assert.EqualValues(t, 20, s.Stats().Records)
	})
}

// TestReplay_ConnectionOfItsOwnIsBack has the connection come back after an hour. A trial may be
// the first write that it takes: then one record is early.
func TestReplay_ConnectionOfItsOwnIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, lines(numbered(20))...)
		b := newBreaker(atomicbreaker.WithFailureThreshold(5))
		live := breakerio.NewWriter(b, &sink{}, s)
		own, writes, trials := &sink{}, 0, 0
		own.does = func(p []byte) (int, error) {
			if writes++; string(p) != "record 0\n" {
				trials++
			}
			return 0, errDown
		}
		stop := replay(t, s, b, own)
		for i := range 2 * 3600 {
			if i == 3600 {
				own.set(nil)
			}
			write(t, live, "live\n")
			time.Sleep(time.Second)
		}
		stop()
		assert.Zero(t, s.Stats().Dropped)
		assert.Zero(t, s.Stats().Records)
		got := slices.Compact(slices.SortedFunc(slices.Values(own.lines()), compareRecords))
		assert.Equal(t, numbered(20), got)
		assert.Greater(t, writes, 100)
		assert.LessOrEqual(t, trials, 20)
	})
}

// TestReplay_PoisonInARowWithLiveTraffic has some bad records behind each other.
func TestReplay_PoisonInARowWithLiveTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, lines(numbered(20))...)
		b := newBreaker(atomicbreaker.WithFailureThreshold(5))
		live := breakerio.NewWriter(b, &sink{}, s)
		own := refuses(errDown, "record 3", "record 4", "record 5")
		stop := replay(t, s, b, own)
		for range 300 {
			write(t, live, "live\n")
			time.Sleep(time.Second)
		}
		stop()
		assert.EqualValues(t, 3, s.Stats().Dropped)
		assert.Zero(t, s.Stats().Records)
		got := slices.Compact(slices.SortedFunc(slices.Values(own.lines()), compareRecords))
		assert.Equal(t, slices.Concat(numbered(20)[:3], numbered(20)[6:]), got)
	})
}

// TestReplay_PoisonIsTheOnlyRecord has nothing to compare the record with. It stays until there is.
func TestReplay_PoisonIsTheOnlyRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, "bad\n")
		b := newBreaker(atomicbreaker.WithFailureThreshold(1000))
		live := breakerio.NewWriter(b, &sink{}, s)
		own := refuses(errDown, "bad")
		stop := replay(t, s, b, own)
		for range 3600 {
			write(t, live, "live\n")
			time.Sleep(time.Second)
		}
		assert.EqualValues(t, 1, s.Stats().Records)
		write(t, s, "good 1\n", "good 2\n")
		time.Sleep(time.Hour)
		stop()
		assert.EqualValues(t, 1, s.Stats().Dropped)
		assert.Equal(t, []string{"good 1", "good 2"}, own.lines())
	})
}
