// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"context"
	"io"
	"io/fs"
	"math"
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
