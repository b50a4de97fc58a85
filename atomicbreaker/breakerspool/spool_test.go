// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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

// sink is a sink that a test scripts.
type sink struct {
	mu   sync.Mutex
	got  bytes.Buffer
	does func(p []byte) (int, error) // nil: takes everything
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := len(p), error(nil)
	if s.does != nil {
		n, err = s.does(p)
	}
	s.got.Write(p[:min(max(n, 0), len(p))])
	return n, err
}

func (s *sink) set(does func(p []byte) (int, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.does = does
}

func (s *sink) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Split(strings.TrimSuffix(s.got.String(), "\n"), "\n")
}

var errDown = errors.New("sink down")

func down([]byte) (int, error) { return 0, errDown }

func openSpool(tb testing.TB, dir string, opts ...breakerspool.Option) *breakerspool.Spool {
	tb.Helper()
	s, err := breakerspool.Open(dir, append([]breakerspool.Option{breakerspool.WithMinFree(0)}, opts...)...)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func write(tb testing.TB, w io.Writer, records ...string) {
	tb.Helper()
	for _, r := range records {
		n, err := w.Write([]byte(r))
		require.NoError(tb, err)
		require.Equal(tb, len(r), n)
	}
}

func numbered(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("record %d", i))
	}
	return lines
}

// replay runs Replay until the test calls stop.
func replay(t *testing.T, s *breakerspool.Spool, b *atomicbreaker.Breaker, w io.Writer, opts ...breakerspool.ReplayOption) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Replay(ctx, b, w, opts...) }()
	return sync.OnceFunc(func() {
		cancel()
		assert.ErrorIs(t, <-done, context.Canceled)
	})
}

func TestSpool_WriterFallbackComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openSpool(t, dir)
		sink := &sink{does: down}
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(time.Second))
		w := breakerio.NewWriter(b, sink, s)
		stop := replay(t, s, b, sink)
		defer stop()
		want := numbered(100)
		for _, l := range want {
			write(t, w, l+"\n")
		}
		assert.EqualValues(t, 100, s.Stats().Records)
		time.Sleep(time.Minute)
		assert.EqualValues(t, 100, s.Stats().Records)
		sink.set(nil)
		time.Sleep(time.Minute)
		assert.Equal(t, want, sink.lines())
		assert.Zero(t, s.Stats().Records)
		stop()
		require.NoError(t, s.Close())
	})
}

func TestSpool_SurvivesReopening(t *testing.T) {
	dir := t.TempDir()
	want := numbered(1000)
	for i := range 10 {
		s := openSpool(t, dir, breakerspool.WithSegmentBytes(4096))
		for _, l := range want[i*100 : i*100+100] {
			write(t, s, l+"\n")
		}
		assert.EqualValues(t, i*100+100, s.Stats().Records)
		require.NoError(t, s.Close())
	}
	for batch := range 2 {
		synctest.Test(t, func(t *testing.T) {
			s := openSpool(t, dir, breakerspool.WithSegmentBytes(4096))
			sink := &sink{}
			var opts []breakerspool.ReplayOption
			if batch == 1 {
				opts = append(opts, breakerspool.WithBatch(1000))
			}
			left := 0
			sink.does = func(p []byte) (int, error) {
				if batch == 0 && left == 500 {
					return 0, errDown
				}
				left++
				return len(p), nil
			}
			stop := replay(t, s, atomicbreaker.MustNew("sink"), sink, opts...)
			time.Sleep(time.Hour)
			stop()
			lines := want[:500]
			if batch == 1 {
				lines = want[500:]
			}
			assert.Equal(t, lines, sink.lines())
			require.NoError(t, s.Close())
		})
	}
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		t.Log(f.Name())
	}
}

func TestReplay_SetsPoisonAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var drops []breakerspool.Drop
		s := openSpool(t, dir, breakerspool.WithOnDrop(func(d breakerspool.Drop) { drops = append(drops, d) }))
		for _, batch := range []int{1, 1000} {
			sink := &sink{does: func(p []byte) (int, error) {
				if bytes.Contains(p, []byte("record 50\n")) {
					return 0, errDown
				}
				return len(p), nil
			}}
			want := numbered(100)
			for _, l := range want {
				write(t, s, l+"\n")
			}
			stop := replay(t, s, atomicbreaker.MustNew("sink"), sink, breakerspool.WithBatch(batch))
			time.Sleep(24 * time.Hour)
			stop()
			assert.Equal(t, append(want[:50:50], want[51:]...), sink.lines())
			require.Len(t, drops, 1)
			assert.Equal(t, breakerspool.DropRejected, drops[0].Reason)
			assert.ErrorIs(t, drops[0].Err, errDown)
			drops = nil
			assert.Zero(t, s.Stats().Records)
		}
	})
}

func TestReplay_TornLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		cuts := 0
		sink := &sink{does: func(p []byte) (int, error) {
			if cuts++; cuts%2 == 1 && len(p) > 12 {
				return 12, errDown
			}
			return len(p), nil
		}}
		want := numbered(100)
		write(t, s, strings.Join(want, "\n")+"\n")
		stop := replay(t, s, atomicbreaker.MustNew("sink"), sink)
		time.Sleep(24 * time.Hour)
		stop()
		got := sink.lines()
		i := 0
		for _, l := range got {
			if i < len(want) && l == want[i] {
				i++
			} else {
				assert.True(t, strings.HasPrefix(want[i], l), "%q is no part of %q", l, want[i])
			}
		}
		assert.Equal(t, len(want), i)
	})
}

func TestWrite_DoesNotAllocate(t *testing.T) {
	s := openSpool(t, t.TempDir())
	p := bytes.Repeat([]byte("x"), 200)
	assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = s.Write(p) }))
}

func TestOpen_InUse(t *testing.T) {
	dir := t.TempDir()
	s := openSpool(t, dir)
	_, err := breakerspool.Open(dir)
	require.ErrorIs(t, err, breakerspool.ErrInUse)
	require.NoError(t, s.Close())
	openSpool(t, dir)
}

// tempDir returns a directory for one check of a property.
func tempDir(t interface{ Fatal(args ...any) }) (dir string, remove func()) {
	dir, err := os.MkdirTemp("", "breakerspool")
	if err != nil {
		t.Fatal(err)
	}
	return dir, func() { _ = os.RemoveAll(dir) }
}
