// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

var errMalformed = errors.New("malformed")

func isMalformed(err error) bool { return errors.Is(err, errMalformed) }

// refuses returns a sink that refuses writes with one of the records, and keeps what it takes.
func refuses(err error, records ...string) *sink {
	return &sink{does: func(p []byte) (int, error) {
		for _, line := range bytes.SplitAfter(p, []byte("\n")) {
			if slices.Contains(records, strings.TrimSuffix(string(line), "\n")) && len(line) > 0 {
				return 0, err
			}
		}
		return len(p), nil
	}}
}

// counted counts writes.
type counted struct {
	*sink
	writes int
}

func (c *counted) Write(p []byte) (int, error) { c.writes++; return c.sink.Write(p) }

// TestReplay_RecordErrorsInABatch isolates bad records by halving. The others arrive in order, and
// the breaker is not asked for a vote.
func TestReplay_RecordErrorsInABatch(t *testing.T) {
	for name, join := range map[string]bool{"one write": true, "joined writes": false} {
		t.Run(name, func(t *testing.T) {
			for _, bad := range [][]int{{0}, {500}, {999}, {7, 8, 9}, {0, 333, 999}} {
				synctest.Test(t, func(t *testing.T) {
					var drops []breakerspool.Drop
					s := openSpool(t, t.TempDir(), breakerspool.WithOnDrop(func(d breakerspool.Drop) { drops = append(drops, d) }))
					all := numbered(1000)
					if join {
						write(t, s, strings.Join(all, "\n")+"\n")
					} else {
						write(t, s, lines(all)...)
					}
					var good, poison []string
					for i, r := range all {
						if slices.Contains(bad, i) {
							poison = append(poison, r)
						} else {
							good = append(good, r)
						}
					}
					sink := &counted{sink: refuses(errMalformed, poison...)}
					b := newBreaker()
					stop := replay(t, s, b, sink, breakerspool.WithBatch(1<<20), breakerspool.WithRecordErrors(isMalformed))
					synctest.Wait() // no time passes: refusals need no delay
					stop()
					assert.Equal(t, good, sink.lines())
					assert.LessOrEqual(t, sink.writes, 4*bits.Len(1000)*len(bad))
					assert.Equal(t, atomicbreaker.Closed, b.State())
					require.Len(t, drops, len(bad))
					for i, d := range drops {
						assert.Equal(t, breakerspool.DropRejected, d.Reason)
						assert.EqualValues(t, 1, d.Records)
						assert.EqualValues(t, len(poison[i])+1, d.Bytes)
						assert.ErrorIs(t, d.Err, errMalformed)
					}
					stats := s.Stats()
					assert.EqualValues(t, len(good), stats.Replayed)
					assert.EqualValues(t, len(bad), stats.Dropped)
					assert.Zero(t, stats.Records)
				})
			}
		})
	}
}

// TestReplay_PoisonWithLiveTraffic sets a record aside on the evidence of live records. The queue
// keeps its order and needs no trial.
func TestReplay_PoisonWithLiveTraffic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		bad := "record 3"
		sink := refuses(errDown, bad)
		live := &sinkOfLive{}
		b := newBreaker(atomicbreaker.WithFailureThreshold(3))
		w := breakerio.NewWriter(b, live, s)
		write(t, s, lines(numbered(10))...)
		stop := replay(t, s, b, sink)
		for range 20 {
			time.Sleep(50 * time.Millisecond)
			write(t, w, "live\n")
		}
		stop()
		all := numbered(10)
		assert.Equal(t, slices.Concat(all[:3], all[4:]), sink.lines())
		assert.EqualValues(t, 1, s.Stats().Dropped)
		assert.Equal(t, 20, live.n)
	})
}

type sinkOfLive struct{ n int }

func (l *sinkOfLive) Write(p []byte) (int, error) { l.n++; return len(p), nil }

// TestReplay_PoisonInAQuietProcess has only the records in the spool to learn from.
func TestReplay_PoisonInAQuietProcess(t *testing.T) {
	for _, bad := range [][]int{{0}, {3}, {3, 4}, {2, 3, 4, 5, 6}, {1, 3, 5, 7}} {
		for _, threshold := range []int{1, 3, 1000} {
			t.Run(fmt.Sprintf("%v threshold %d", bad, threshold), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := openSpool(t, t.TempDir())
					all := numbered(12)
					var good, poison []string
					for i, r := range all {
						if slices.Contains(bad, i) {
							poison = append(poison, r)
						} else {
							good = append(good, r)
						}
					}
					sink := refuses(errDown, poison...)
					write(t, s, lines(all)...)
					stop := replay(t, s, newBreaker(atomicbreaker.WithFailureThreshold(threshold)), sink)
					time.Sleep(24 * time.Hour)
					stop()
					stats := s.Stats()
					assert.Zero(t, stats.Records)
					assert.EqualValues(t, len(bad), stats.Dropped)
					// A record that is taken behind a refused one comes twice.
					got := slices.Compact(slices.SortedFunc(slices.Values(sink.lines()), compareRecords))
					assert.Equal(t, good, got)
					if len(bad) == 1 {
						assert.Equal(t, good, sink.lines(), "one bad record costs no duplicates, and no order")
					}
				})
			})
		}
	}
}

func compareRecords(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// TestReplay_SinkThatIsDownSetsNothingAside waits a month. Then the records come in order.
func TestReplay_SinkThatIsDownSetsNothingAside(t *testing.T) {
	for name, opts := range whileDown {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				assert.Equal(t, numbered(10), afterOutage(t, 30*24*time.Hour, opts...))
			})
		})
	}
}

// TestReplay_SinkThatIsDownMeetsATrial lets the sink recover before each write of a cycle. Replay
// writes once a minute, as the breaker allows, and each 51st write is a trial, of a record behind
// the last trial. If that one meets the recovered sink, its record comes early, and again in its
// turn.
func TestReplay_SinkThatIsDownMeetsATrial(t *testing.T) {
	for name, opts := range whileDown {
		t.Run(name, func(t *testing.T) {
			all := numbered(10)
			trials := 0
			for minute := range 51 {
				synctest.Test(t, func(t *testing.T) {
					got := afterOutage(t, 2*time.Hour+time.Duration(minute)*time.Minute+30*time.Second, opts...)
					if got[0] != all[0] {
						trials++
						assert.Contains(t, all, got[0])
						got = got[1:]
					}
					assert.Equal(t, all, got)
				})
			}
			assert.Equal(t, 1, trials)
		})
	}
}

var whileDown = map[string][]breakerspool.ReplayOption{
	"single": nil, "batch": {breakerspool.WithBatch(100)}, "record errors": {breakerspool.WithRecordErrors(isMalformed)},
}

// afterOutage returns what a sink gets in the hour after it was down. It refuses 10 records before.
func afterOutage(t *testing.T, outage time.Duration, opts ...breakerspool.ReplayOption) []string {
	t.Helper()
	s := openSpool(t, t.TempDir())
	sink := &sink{does: down}
	b := newBreaker()
	write(t, breakerio.NewWriter(b, sink, s), lines(numbered(10))...)
	stop := replay(t, s, b, sink, opts...)
	time.Sleep(outage)
	assert.Zero(t, s.Stats().Dropped)
	sink.set(nil)
	time.Sleep(time.Hour)
	stop()
	return sink.lines()
}

// TestReplay_FlappingSinkKeepsTheOrder fails every other write, and refuses no record for good.
func TestReplay_FlappingSinkKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		n := 0
		sink := &sink{does: func(p []byte) (int, error) {
			if n++; n%3 != 0 {
				return 0, errDown
			}
			return len(p), nil
		}}
		write(t, s, lines(numbered(50))...)
		stop := replay(t, s, newBreaker(atomicbreaker.WithFailureThreshold(2)), sink)
		time.Sleep(24 * time.Hour)
		stop()
		assert.Equal(t, numbered(50), sink.lines())
		assert.Zero(t, s.Stats().Dropped)
	})
}

// TestReplay_ResumesWithASuspect stops Replay while records behind a suspect are taken. The next
// Replay neither forgets the suspect nor counts a record twice.
func TestReplay_ResumesWithASuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		sink := refuses(errDown, "record 0")
		write(t, s, lines(numbered(6))...)
		b := newBreaker(atomicbreaker.WithFailureThreshold(1000))
		for range 200 {
			stop := replay(t, s, b, sink)
			time.Sleep(time.Second)
			stop()
			stats := s.Stats()
			require.Equal(t, stats.Appended, stats.Records+stats.Replayed+stats.Dropped)
		}
		assert.Equal(t, numbered(6)[1:], sink.lines())
		assert.EqualValues(t, 1, s.Stats().Dropped)
	})
}

// TestReplay_SuspectExpires gives up the suspect alone: what follows it was taken in a trial.
func TestReplay_SuspectExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var drops []breakerspool.Drop
		s := openSpool(t, t.TempDir(), breakerspool.WithMaxAge(time.Minute),
			breakerspool.WithOnDrop(func(d breakerspool.Drop) { drops = append(drops, d) }))
		write(t, s, "bad\ngood\n")
		sink := refuses(errDown, "bad")
		b := newBreaker(atomicbreaker.WithFailureThreshold(1000))
		stop := replay(t, s, b, sink)
		time.Sleep(50 * time.Second)
		assert.Equal(t, []string{"good"}, sink.lines())
		write(t, s, "new\n") // keeps the segment from expiring
		b.ForceOpen()
		time.Sleep(30 * time.Second)
		b.Reset()
		time.Sleep(time.Second)
		stop()
		stats := s.Stats()
		assert.Zero(t, stats.Records)
		assert.EqualValues(t, 1, stats.Dropped)
		assert.EqualValues(t, 2, stats.Replayed)
		require.Len(t, drops, 1)
		assert.EqualValues(t, 1, drops[0].Records)
		assert.Equal(t, []string{"good", "new"}, sink.lines())
	})
}

// TestReplay_RejectedRecordsAreKept has them in a spool of their own, which another one can read.
func TestReplay_RejectedRecordsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openSpool(t, dir)
		write(t, s, "good\nbad\nworse\n", "raw")
		sink := refuses(errMalformed, "bad", "worse", "raw")
		stop := replay(t, s, newBreaker(), sink, breakerspool.WithRecordErrors(isMalformed))
		synctest.Wait()
		stop()
		require.NoError(t, s.Close())
		rejected := openSpool(t, dir+"/rejected")
		var got []string
		for r, err := range rejected.Records() {
			require.NoError(t, err)
			assert.True(t, r.Time.Equal(time.Now()))
			got = append(got, string(r.Data))
		}
		assert.Equal(t, []string{"bad\n", "worse\n", "raw"}, got)
	})
}
