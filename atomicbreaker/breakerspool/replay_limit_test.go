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

// TestReplay_LeavesADroppedSegment gives up the segment while the sink hangs on its first record.
// That record counts once: as dropped if the write fails, as replayed if it succeeds.
func TestReplay_LeavesADroppedSegment(t *testing.T) {
	for _, fails := range []bool{false, true} {
		for _, byAge := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var dropped, inFlight uint64
				reason := breakerspool.DropMaxBytes
				opts := []breakerspool.Option{
					breakerspool.WithMaxBytes(64 << 10), breakerspool.WithSegmentBytes(32 << 10),
				}
				if byAge {
					opts, reason = []breakerspool.Option{breakerspool.WithMaxAge(time.Hour)}, breakerspool.DropMaxAge
				}
				released := false
				s := openSpool(t, t.TempDir(), append(opts, breakerspool.WithOnDrop(func(d breakerspool.Drop) {
					assert.Equal(t, reason, d.Reason)
					if dropped += d.Records; released {
						inFlight += d.Records
					}
				}))...)
				record := strings.Repeat("x", 999) + "\n"
				write(t, s, record, record, record)
				release := make(chan struct{})
				sink := &calls{does: func(call int, p []byte) (int, error) {
					if call == 0 {
						<-release
						if fails {
							return 0, errDown
						}
					}
					return len(p), nil
				}}
				stop := replay(t, s, newBreaker(atomicbreaker.WithFailureThreshold(100)), sink)
				synctest.Wait()
				if byAge {
					time.Sleep(2 * time.Hour)
				} else {
					for range 62 {
						write(t, s, record)
					}
				}
				assert.Zero(t, inFlight)
				before := s.Stats()
				assert.Equal(t, before.Appended-1, before.Records+before.Dropped, "one is in flight")
				released = true
				close(release)
				time.Sleep(time.Minute)
				stop()
				after := s.Stats()
				assert.Zero(t, after.Records)
				assert.Equal(t, after.Appended, after.Replayed+after.Dropped)
				assert.Equal(t, after.Dropped, dropped)
				if fails {
					assert.EqualValues(t, 1, inFlight)
				} else {
					assert.Zero(t, inFlight)
				}
				assert.Equal(t, int(after.Replayed), len(sink.all())-int(inFlight), "nothing of the dropped segment is written")
			})
		}
	}
}

func TestReplay_MaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var drops []breakerspool.Drop
		s := openSpool(t, t.TempDir(), breakerspool.WithMaxAge(time.Hour),
			breakerspool.WithOnDrop(func(d breakerspool.Drop) { drops = append(drops, d) }))
		write(t, s, "old\nolder\n")
		time.Sleep(40 * time.Minute)
		write(t, s, "new\n")
		time.Sleep(30 * time.Minute)
		b := newBreaker()
		b.Trip()
		sink := &calls{}
		stop := replay(t, s, b, sink)
		time.Sleep(10 * time.Second) // reads the spool more than once
		b.ForceOpen()
		synctest.Wait()
		b.Reset()
		synctest.Wait()
		stop()
		assert.Equal(t, []string{"new\n"}, sink.all())
		require.Len(t, drops, 1)
		assert.Equal(t, breakerspool.DropMaxAge, drops[0].Reason)
		assert.EqualValues(t, 2, drops[0].Records)
		assert.EqualValues(t, 10, drops[0].Bytes)
		assert.Equal(t, 70*time.Minute, drops[0].Age)
		assert.Zero(t, s.Stats().Records)
	})
}

// TestStats_Oldest follows the head.
func TestStats_Oldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		began := time.Now()
		for range 3 {
			write(t, s, "a\n")
			time.Sleep(time.Second)
		}
		assert.True(t, s.Stats().Oldest.Equal(began))
		b := newBreaker()
		sink := &calls{does: func(call int, p []byte) (int, error) {
			if call == 1 {
				return 0, errDown
			}
			return len(p), nil
		}}
		stop := replay(t, s, b, sink)
		synctest.Wait()
		assert.True(t, s.Stats().Oldest.Equal(began.Add(time.Second)))
		time.Sleep(time.Hour)
		stop()
		assert.Zero(t, s.Stats().Oldest)
	})
}

// TestReplay_DropWhileTheRateWaits gives up a record that is ready to be written.
func TestReplay_DropWhileTheRateWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir(), breakerspool.WithMaxAge(time.Hour))
		write(t, s, "a\n", "b\n")
		sink := &calls{}
		stop := replay(t, s, newBreaker(), sink, breakerspool.WithRate(1./7200))
		time.Sleep(90 * time.Minute)
		assert.EqualValues(t, 1, s.Stats().Dropped)
		time.Sleep(90 * time.Minute)
		stop()
		assert.Equal(t, []string{"a\n"}, sink.all())
		assert.Zero(t, s.Stats().Records)
	})
}

// TestReplay_AcknowledgesInAFullSpool has 4 KiB for a log of 256 entries, and acknowledges more of
// them in one segment. After Close, nothing that was taken comes back.
func TestReplay_AcknowledgesInAFullSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openSpool(t, dir, breakerspool.WithMaxBytes(64<<10), breakerspool.WithSegmentBytes(32<<10))
		record := strings.Repeat("x", 99) + "\n"
		const full = 60 << 10 // records leave 4 KiB to the log
		for s.Stats().Bytes < full-400 {
			write(t, s, record)
		}
		rest := full - s.Stats().Bytes - 48 - 20 // without a header and a frame's
		write(t, s, strings.Repeat("y", int(rest)))
		require.Zero(t, s.Stats().Dropped)
		require.GreaterOrEqual(t, s.Stats().Bytes, int64(full-48))
		stop := replay(t, s, newBreaker(), &calls{does: func(call int, p []byte) (int, error) {
			if call >= 265 {
				return 0, errDown
			}
			return len(p), nil
		}})
		synctest.Wait()
		stop()
		left := s.Stats().Records
		assert.LessOrEqual(t, s.Stats().Bytes, int64(64<<10))
		require.NoError(t, s.Close())
		s = openSpool(t, dir)
		assert.Equal(t, left, s.Stats().Records)
	})
}
