// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

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
