// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"runtime"
	"strings"
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

// calls is a sink that keeps each write, with the time and the error that it returned.
type calls struct {
	mu     sync.Mutex
	writes []string
	times  []time.Time
	does   func(call int, p []byte) (int, error) // nil: takes everything
}

func (c *calls) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writes, c.times = append(c.writes, string(p)), append(c.times, time.Now())
	call, does := len(c.writes)-1, c.does
	c.mu.Unlock()
	if does == nil {
		return len(p), nil
	}
	return does(call, p)
}

func (c *calls) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.writes...)
}

func lines(records []string) (l []string) {
	for _, r := range records {
		l = append(l, r+"\n")
	}
	return l
}

func newBreaker(opts ...atomicbreaker.Option) *atomicbreaker.Breaker {
	return atomicbreaker.MustNew("sink", append([]atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(time.Minute),
	}, opts...)...)
}

func TestReplay_RefusesBadOptionsAndSinks(t *testing.T) {
	s := openSpool(t, t.TempDir())
	b := newBreaker()
	w := breakerio.NewWriter(b, &calls{}, s)
	t.Cleanup(func() { _ = w.Close() })
	batcher := breakerio.NewBatcher(w)
	t.Cleanup(func() { _ = batcher.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // a Replay that is not refused ends at once
	for want, err := range map[string]error{
		"WithRate(0): want more than 0":      s.Replay(ctx, b, &calls{}, breakerspool.WithRate(0)),
		"WithRate(-1): want more than 0":     s.Replay(ctx, b, &calls{}, breakerspool.WithRate(-1)),
		"WithRate(NaN): want more than 0":    s.Replay(ctx, b, &calls{}, breakerspool.WithRate(math.NaN())),
		"WithRate(+Inf): want more than 0":   s.Replay(ctx, b, &calls{}, breakerspool.WithRate(math.Inf(1))),
		"WithBatch(0): want at least 1":      s.Replay(ctx, b, &calls{}, breakerspool.WithBatch(0)),
		"WithBatch(-5): want at least 1":     s.Replay(ctx, b, &calls{}, breakerspool.WithBatch(-5)),
		"needs a breaker and a sink":         s.Replay(ctx, nil, &calls{}),
		"Replay needs a breaker and a sink":  s.Replay(ctx, b, nil),
		"into *breakerio.Writer: want":       s.Replay(ctx, b, w),
		"into *breakerio.Batcher: want":      s.Replay(ctx, b, batcher),
		"into *breakerspool_test.levels":     s.Replay(ctx, b, &levels{w}),
		"into *breakerspool.Spool: want":     s.Replay(ctx, b, s),
		"into *breakerspool.drainFirst: wan": s.Replay(ctx, b, s.DrainFirst(&calls{})),
	} {
		assert.ErrorContains(t, err, want)
		assert.NotErrorIs(t, err, context.Canceled, want)
	}
	guarded := guardedBy{b, &calls{}}
	for _, sink := range []io.Writer{guarded, breakerio.NewLane(guarded, time.Second)} {
		assert.ErrorContains(t, s.Replay(ctx, b, sink), `it is guarded by "sink" already; want a sink that does not ask that breaker`)
		assert.ErrorIs(t, s.Replay(ctx, newBreaker(), sink), context.Canceled, "another breaker")
	}
	assert.Panics(t, func() { breakerio.NewWriter(b, s.DrainFirst(guarded), s) })
	assert.ErrorIs(t, s.Replay(ctx, b, &calls{}, breakerspool.WithBatch(0), breakerspool.WithBatch(1)), context.Canceled,
		"the last of a repeated option wins")
}

// guardedBy is a sink that asks a breaker itself.
type guardedBy struct {
	b *atomicbreaker.Breaker
	io.Writer
}

func (g guardedBy) GuardedBy(b *atomicbreaker.Breaker) bool { return g.b == b }

// levels is what zerolog's and zap's adapters look like.
type levels struct{ *breakerio.Writer }

func TestOpen_RefusesBadOptions(t *testing.T) {
	_, err := breakerspool.Open(t.TempDir(), breakerspool.WithMaxBytes(1), breakerspool.WithMinFree(-2),
		breakerspool.WithMaxAge(-3), breakerspool.WithSync(breakerspool.SyncInterval(-4)), breakerspool.WithSegmentBytes(5))
	for _, want := range []string{
		"WithMaxBytes(1): want at least 65536", "WithMinFree(-2): want 0 or more", "WithMaxAge(-3ns): want 0 or more",
		"SyncInterval(-4ns): want more than 0", "WithSegmentBytes(5): want 4096..",
	} {
		assert.ErrorContains(t, err, want)
	}
	_, err = breakerspool.Open("")
	assert.ErrorContains(t, err, "want a directory")
}

func TestReplay_OnlyOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		stop := replay(t, s, newBreaker(), &calls{})
		synctest.Wait()
		assert.ErrorContains(t, s.Replay(t.Context(), newBreaker(), &calls{}), "Replay already runs")
		stop()
		stop = replay(t, s, newBreaker(), &calls{}) // the first has ended
		synctest.Wait()
		stop()
	})
}

// TestReplay_IsAcknowledgedAfterTheWrite looks into the spool while the sink is writing.
func TestReplay_IsAcknowledgedAfterTheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, "a\n", "b\n")
		var inside []uint64
		sink := &calls{does: func(_ int, p []byte) (int, error) {
			inside = append(inside, s.Stats().Records)
			for r, err := range s.Records() {
				assert.NoError(t, err)
				assert.Equal(t, string(p), string(r.Data), "the record in flight is still there")
				break
			}
			return len(p), nil
		}}
		stop := replay(t, s, newBreaker(), sink)
		synctest.Wait()
		stop()
		assert.Equal(t, []uint64{2, 1}, inside)
		assert.Zero(t, s.Stats().Records)
	})
}

// TestReplay_CloseDuringAWrite repeats the record, because another process may own the files when
// the sink answers.
func TestReplay_CloseDuringAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openSpool(t, dir)
		write(t, s, "a\n", "b\n")
		release := make(chan struct{})
		sink := &calls{does: func(_ int, p []byte) (int, error) { <-release; return len(p), nil }}
		done := make(chan error, 1)
		go func() { done <- s.Replay(t.Context(), newBreaker(), sink) }()
		synctest.Wait()
		require.NoError(t, s.Close())
		next := openSpool(t, dir)
		close(release)
		assert.ErrorIs(t, <-done, fs.ErrClosed)
		assert.Equal(t, []string{"a\n"}, sink.all(), "no write begins after Close")
		assert.EqualValues(t, 2, next.Stats().Records)
		stop := replay(t, next, newBreaker(), sink)
		synctest.Wait()
		stop()
		assert.Equal(t, []string{"a\n", "a\n", "b\n"}, sink.all())
		assert.Zero(t, next.Stats().Corrupt)
	})
}

// TestReplay_EndsPromptly ends Replay in each of its waits, by its context and by Close. No time
// may pass.
func TestReplay_EndsPromptly(t *testing.T) {
	failing := func(int, []byte) (int, error) { return 0, errDown }
	for name, c := range map[string]struct {
		prepare func(b *atomicbreaker.Breaker)
		does    func(int, []byte) (int, error)
		records int
		opts    []breakerspool.ReplayOption
	}{
		"for records":         {},
		"while the rate says": {records: 2, opts: []breakerspool.ReplayOption{breakerspool.WithRate(1e-300)}},
		"for an open breaker": {records: 1, prepare: (*atomicbreaker.Breaker).Trip},
		"for a forced one":    {records: 1, prepare: (*atomicbreaker.Breaker).ForceOpen},
		"after a failure":     {records: 1, prepare: (*atomicbreaker.Breaker).ForceClosed, does: failing},
		"after ErrBusy": {records: 1, does: func(int, []byte) (int, error) {
			return 0, breakerio.ErrBusy
		}},
	} {
		for _, byClose := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := openSpool(t, t.TempDir())
					write(t, s, lines(numbered(c.records))...)
					b := newBreaker()
					if c.prepare != nil {
						c.prepare(b)
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					done := make(chan error, 1)
					go func() { done <- s.Replay(ctx, b, &calls{does: c.does}, c.opts...) }()
					time.Sleep(10*time.Second + time.Millisecond)
					began, want := time.Now(), context.Canceled
					if byClose {
						want = fs.ErrClosed
						require.NoError(t, s.Close())
					} else {
						cancel()
					}
					assert.ErrorIs(t, <-done, want)
					assert.Zero(t, time.Since(began))
				})
			})
		}
	}
}

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

func TestReplay_RepairsATear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, "first\n", "second\n", "third\n")
		tears := func(n int) func(int, []byte) (int, error) {
			return func(call int, p []byte) (int, error) {
				switch call {
				case 0:
					return n, errDown
				case 1:
					return 1, nil // only the newline that repairs, without an error
				}
				return len(p), nil
			}
		}
		sink := &calls{does: tears(3)}
		b := newBreaker(atomicbreaker.WithFailureThreshold(100))
		stop := replay(t, s, b, sink)
		time.Sleep(time.Minute)
		stop()
		assert.Equal(t, []string{"first\n", "\nfirst\n", "first\n", "second\n", "third\n"}, sink.all())
		assert.EqualValues(t, 2, s.Stats().Repeated)

		write(t, s, "fourth\n")
		sink = &calls{does: func(int, []byte) (int, error) { return 2, errDown }}
		stop = replay(t, s, b, sink)
		synctest.Wait()
		stop()
		sink.does = nil
		stop = replay(t, s, b, sink)
		synctest.Wait()
		stop()
		assert.Equal(t, []string{"fourth\n", "\nfourth\n"}, sink.all(), "the next Replay into the same sink repairs it")

		write(t, s, "fifth\n")
		sink = &calls{does: func(int, []byte) (int, error) { return 2, errDown }}
		stop = replay(t, s, b, sink)
		synctest.Wait()
		stop()
		other := &calls{}
		stop = replay(t, s, b, other)
		synctest.Wait()
		stop()
		assert.Equal(t, []string{"fifth\n"}, other.all(), "another sink is not torn")
	})
}

// TestReplay_TornBatch acknowledges the lines that the sink took whole.
func TestReplay_TornBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, "one\ntwo\nthree\n")
		sink := &calls{does: func(call int, p []byte) (int, error) {
			if call == 0 {
				return 9, errDown // inside the third line
			}
			return len(p), nil
		}}
		stop := replay(t, s, newBreaker(atomicbreaker.WithFailureThreshold(100)), sink)
		time.Sleep(time.Minute)
		stop()
		assert.Equal(t, []string{"one\ntwo\nthree\n", "\nthree\n"}, sink.all())
		stats := s.Stats()
		assert.EqualValues(t, 3, stats.Replayed)
		assert.EqualValues(t, 1, stats.Repeated)
	})
}

// TestReplay_BelievesNoImpossibleCount repeats the whole write.
func TestReplay_BelievesNoImpossibleCount(t *testing.T) {
	for _, n := range []int{-1, 4, 5} {
		synctest.Test(t, func(t *testing.T) {
			s := openSpool(t, t.TempDir())
			write(t, s, "a\nb\n")
			sink := &calls{does: func(call int, p []byte) (int, error) {
				if call == 0 {
					return n, errDown
				}
				return len(p), nil
			}}
			stop := replay(t, s, newBreaker(atomicbreaker.WithFailureThreshold(100)), sink)
			time.Sleep(time.Minute)
			stop()
			assert.Equal(t, []string{"a\nb\n", "a\n", "b\n"}, sink.all(), n)
		})
	}
}

// TestReplay_OutcomeOfAWrite tests what votes.
func TestReplay_OutcomeOfAWrite(t *testing.T) {
	for name, c := range map[string]struct {
		does  func(p []byte) (int, error)
		opts  []atomicbreaker.Option
		votes bool
	}{
		"success":     {func(p []byte) (int, error) { return len(p), nil }, nil, false},
		"error":       {down, nil, true},
		"short write": {func([]byte) (int, error) { return 0, nil }, nil, true},
		"panic":       {func([]byte) (int, error) { panic("broken") }, nil, true},
		"busy":        {func([]byte) (int, error) { return 0, breakerio.ErrBusy }, nil, false},
		"canceled":    {func([]byte) (int, error) { return 0, context.Canceled }, nil, false},
		"record":      {func([]byte) (int, error) { return 0, errMalformed }, nil, false},
		"slow": {
			func(p []byte) (int, error) { time.Sleep(time.Second); return len(p), nil },
			[]atomicbreaker.Option{atomicbreaker.WithSlowThreshold(500 * time.Millisecond)},
			true,
		},
		"not slow": {
			func(p []byte) (int, error) { time.Sleep(400 * time.Millisecond); return len(p), nil },
			[]atomicbreaker.Option{atomicbreaker.WithSlowThreshold(500 * time.Millisecond)},
			false,
		},
		"classifier panics": {
			down,
			[]atomicbreaker.Option{atomicbreaker.WithClassifier(func(error) atomicbreaker.Outcome { panic("classifier") })},
			true,
		},
		"RetryAfter panics": {
			down,
			[]atomicbreaker.Option{atomicbreaker.WithRetryAfter(func(error) (time.Duration, bool) { panic("retry after") })},
			true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := openSpool(t, t.TempDir())
				b := newBreaker(append(c.opts, atomicbreaker.WithFailureThreshold(100))...)
				write(t, s, "a\n")
				stop := replay(t, s, b, &calls{does: func(_ int, p []byte) (int, error) { return c.does(p) }},
					breakerspool.WithRecordErrors(isMalformed))
				time.Sleep(time.Second + 50*time.Millisecond)
				stop()
				failures := b.Snapshot().Failures
				if c.votes {
					assert.Positive(t, failures)
				} else {
					assert.Zero(t, failures)
				}
			})
		})
	}
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

// TestReplay_GoexitInTheSink ends Replay. It counts as a failure, and nothing is lost.
func TestReplay_GoexitInTheSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		b := newBreaker()
		write(t, s, "a\n")
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = s.Replay(t.Context(), b, &calls{does: func(int, []byte) (int, error) { runtime.Goexit(); return 0, nil }})
		})
		wg.Wait()
		assert.Equal(t, atomicbreaker.Open, b.State())
		assert.EqualValues(t, 1, s.Stats().Records)
		sink := &calls{}
		stop := replay(t, s, b, sink)
		time.Sleep(time.Hour)
		stop()
		assert.Equal(t, []string{"a\n"}, sink.all())
		assert.EqualValues(t, 1, s.Stats().Repeated)
	})
}

// TestReplay_HooksThatPanic survives hooks of the breaker and of the spool.
func TestReplay_HooksThatPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir(), breakerspool.WithOnDrop(func(breakerspool.Drop) { panic("OnDrop") }))
		b := newBreaker(atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { panic("transition") }),
			atomicbreaker.WithOnHookPanic(func(atomicbreaker.Transition, any) {}))
		write(t, s, "bad\n", "a\n")
		sink := &calls{does: func(call int, p []byte) (int, error) {
			if bytes.HasPrefix(p, []byte("bad")) {
				return 0, errMalformed
			}
			if call < 3 {
				return 0, errDown
			}
			return len(p), nil
		}}
		stop := replay(t, s, b, sink, breakerspool.WithRecordErrors(func(err error) bool {
			if errors.Is(err, errDown) {
				panic("WithRecordErrors")
			}
			return isMalformed(err)
		}))
		time.Sleep(time.Hour)
		stop()
		stats := s.Stats()
		assert.EqualValues(t, 1, stats.Replayed)
		assert.EqualValues(t, 1, stats.Dropped)
		assert.Zero(t, stats.Records)
	})
}

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
