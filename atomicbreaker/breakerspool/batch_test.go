// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestReplay_BatchSize joins lines as long as they fit, and nothing else.
func TestReplay_BatchSize(t *testing.T) {
	breakerspool.Check(t, 200, func(t *rapid.T) {
		batch := rapid.IntRange(1, 60).Draw(t, "batch")
		writes := rapid.SliceOfN(rapid.StringMatching(`([a-z]{0,30}\n){1,4}|[a-z]{1,30}`), 1, 20).Draw(t, "writes")
		tear := rapid.IntRange(0, 1).Draw(t, "tear")
		dir, remove := tempDir(t)
		defer remove()
		rapid.SyncTest(t, func(t *rapid.T) {
			s, err := breakerspool.Open(dir, breakerspool.WithMinFree(0))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			for _, w := range writes {
				_, _ = s.Write([]byte(w))
			}
			sink := &calls{does: func(call int, p []byte) (int, error) {
				if call == 0 && tear > 0 && len(p) > 1 {
					return 1, errDown
				}
				return len(p), nil
			}}
			done := make(chan error, 1)
			go func() {
				done <- s.Replay(t.Context(), atomicbreaker.MustNew("sink"), sink, breakerspool.WithBatch(batch))
			}()
			time.Sleep(time.Hour)
			var want strings.Builder
			for _, w := range writes {
				want.WriteString(w)
			}
			got := sink.all()
			for i, w := range got {
				if records := strings.Count(strings.TrimPrefix(w, "\n"), "\n"); records > 1 && len(w) > batch {
					t.Errorf("WithBatch(%d): a write of %d records has %d bytes", batch, records, len(w))
				}
				if cut := strings.LastIndexByte(w, '\n'); cut > 0 && cut < len(w)-1 {
					t.Errorf("%q joins a record without a newline", w)
				}
				if i > 0 && strings.HasSuffix(got[i-1], "\n") && strings.HasSuffix(w, "\n") && i > 2 &&
					len(got[i-1])+strings.IndexByte(w, '\n')+1 <= batch && tear == 0 {
					t.Errorf("%q and the first line of %q fit into %d bytes", got[i-1], w, batch)
				}
			}
			if tear == 0 && strings.Join(got, "") != want.String() {
				t.Errorf("the sink has %q, want %q", got, want.String())
			}
			_ = s.Close()
			if err := <-done; !errors.Is(err, fs.ErrClosed) {
				t.Errorf("Replay: %v", err)
			}
		})
	})
}

// TestReplay_WithoutBatchEachWriteIsOneWrite keeps the writes as they were.
func TestReplay_WithoutBatchEachWriteIsOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		writes := []string{"a\n", "b\nc\n", "raw", "d\n", "\n"}
		write(t, s, writes...)
		sink := &calls{}
		stop := replay(t, s, newBreaker(), sink)
		synctest.Wait()
		stop()
		assert.Equal(t, writes, sink.all())
		assert.EqualValues(t, 6, s.Stats().Replayed)
	})
}

// TestReplay_Transform tests everything that the function may return.
func TestReplay_Transform(t *testing.T) {
	for _, batch := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var drops []breakerspool.Drop
			s := openSpool(t, t.TempDir(), breakerspool.WithOnDrop(func(d breakerspool.Drop) { drops = append(drops, d) }))
			began := time.Now()
			write(t, s, "panics 1\npanics 2\n", "panics 3\n", "a\nno\nb\n", "nil\n", "raw", "panics 4\n", "c\n")
			time.Sleep(time.Minute)
			sink := &sink{}
			opts := []breakerspool.ReplayOption{breakerspool.WithTransform(func(r breakerspool.Record) []byte {
				assert.True(t, r.Time.Equal(began))
				switch text := string(bytes.TrimSuffix(r.Data, []byte("\n"))); {
				case text == "no":
					return []byte{}
				case text == "nil":
					return nil
				case strings.HasPrefix(text, "panics"):
					panic("no")
				case text == "b":
					return append(r.Data[:1], " replayed"...) // without a newline, in place
				default:
					return fmt.Appendf(nil, "%s replayed\n", text)
				}
			})}
			if batch {
				opts = append(opts, breakerspool.WithBatch(1000))
			}
			stop := replay(t, s, newBreaker(), sink, opts...)
			synctest.Wait()
			stop()
			assert.Equal(t, []string{"a replayed", "b replayed", "raw replayed", "c replayed"}, sink.lines())
			reasons := map[breakerspool.DropReason]uint64{}
			for _, d := range drops {
				reasons[d.Reason] += d.Records
			}
			assert.Equal(t, map[breakerspool.DropReason]uint64{breakerspool.DropFiltered: 2, breakerspool.DropRejected: 4}, reasons)
			stats := s.Stats()
			assert.EqualValues(t, 4, stats.Replayed)
			assert.EqualValues(t, 6, stats.Dropped)
			assert.Zero(t, stats.Records)
		})
	}
}

// TestReplay_FilteredRecordsAskNobody settles them without the breaker and without the sink.
func TestReplay_FilteredRecordsAskNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, lines(numbered(100))...)
		b := newBreaker()
		b.ForceOpen()
		sink := &calls{}
		stop := replay(t, s, b, sink, breakerspool.WithTransform(func(breakerspool.Record) []byte { return nil }))
		synctest.Wait()
		stop()
		assert.Empty(t, sink.all())
		assert.EqualValues(t, 100, s.Stats().Dropped)
	})
}

// TestReplay_BatchCountsTheRepair has room for two lines, but not for the newline before them.
func TestReplay_BatchCountsTheRepair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, "aaaa\n", "bbbb\n", "cccc\n")
		sink := &calls{does: func(call int, p []byte) (int, error) {
			if call == 0 {
				return 2, errDown
			}
			return len(p), nil
		}}
		b := newBreaker(atomicbreaker.WithFailureThreshold(10))
		for range 2 {
			stop := replay(t, s, b, sink, breakerspool.WithBatch(10))
			synctest.Wait()
			stop()
		}
		assert.Equal(t, []string{"aaaa\nbbbb\n", "\naaaa\n", "bbbb\ncccc\n"}, sink.all())
	})
}

// TestReplay_LargestBatch sets no practical limit.
func TestReplay_LargestBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, t.TempDir())
		write(t, s, "1\n", "2\n", "3\n")
		writes := 0
		sink := &sink{does: func(p []byte) (int, error) { writes++; return len(p), nil }}
		defer replay(t, s, newBreaker(), sink, breakerspool.WithBatch(math.MaxInt))()
		synctest.Wait()
		assert.Equal(t, 1, writes)
	})
}
