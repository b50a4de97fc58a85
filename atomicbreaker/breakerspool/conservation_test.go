// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestConservation offers records to a Writer, directly or through a Batcher, with the spool as its
// fallback. The ledger says where each of them must be in the end.
func TestConservation(t *testing.T) {
	breakerspool.Check(t, 250, func(t *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) peerStep {
			return peerStep{rapid.IntRange(0, 5).Draw(t, "act"), rapid.IntRange(0, 999).Draw(t, "part")}
		}), 0, 80).Draw(t, "script")
		batched := rapid.Bool().Draw(t, "batcher")
		small := rapid.Bool().Draw(t, "small spool")
		drain := rapid.Bool().Draw(t, "drain first")
		batch := rapid.SampledFrom([]int{1, 100, 10000}).Draw(t, "batch")
		writers := rapid.IntRange(1, 4).Draw(t, "writers")
		records := rapid.IntRange(1, 60).Draw(t, "records")
		pad := strings.Repeat("x", rapid.SampledFrom([]int{1, 3000}).Draw(t, "size"))
		stopEarly := rapid.Bool().Draw(t, "stop early")
		dir, remove := tempDir(t)
		defer remove()
		rapid.SyncTest(t, func(t *rapid.T) {
			var books ledger
			opts := []breakerspool.Option{breakerspool.WithMinFree(0), breakerspool.WithOnDrop(books.drop)}
			if small {
				opts = append(opts, breakerspool.WithMaxBytes(64<<10))
			}
			s, err := breakerspool.Open(dir, opts...)
			if err != nil {
				t.Fatal(err)
			}
			p := &peer{script: steps}
			books.live = newConnection(p)
			books.spool = &notedSpool{Spool: s, appended: map[string]int{}}
			books.replayed = &drained{
				connection: newConnection(p), spool: books.spool, offered: map[string]bool{}, early: map[string]bool{},
			}
			var primary io.Writer = books.live
			if drain {
				primary = s.DrainFirst(books.live)
			}
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(time.Second))
			books.lost = map[string]int{}
			w := breakerio.NewWriter(b, primary, books.spool, breakerio.WithOnLost(func(p []byte, _ error) { note(books.lost, p) }))
			var offer io.Writer = w
			closeAll := w.Close
			if batched {
				batcher := breakerio.NewBatcher(w, breakerio.WithBatchBytes(500))
				offer, closeAll = batcher, batcher.Close
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = s.Replay(ctx, b, books.replayed, breakerspool.WithBatch(batch))
			}()
			var wg sync.WaitGroup
			var logger sync.Mutex
			for g := range writers {
				wg.Go(func() {
					for i := range records {
						record := fmt.Sprintf("<%d %d %s>", g, i, pad)
						logger.Lock() // as every logger has one
						books.offered = append(books.offered, record)
						_, _ = io.WriteString(offer, record+"\n")
						logger.Unlock()
						time.Sleep(time.Duration(i%5) * 77 * time.Millisecond)
					}
				})
			}
			wg.Wait()
			if !stopEarly {
				time.Sleep(time.Hour)
			}
			cancel()
			<-ended
			_ = closeAll() // closes the spool, after the records that a Batcher held
			books.stats = s.Stats()
			if books.inSpool, err = readSpool(dir); err != nil {
				t.Fatal(err)
			}
			if err := books.check(); err != nil {
				t.Fatal(err)
			}
			if !stopEarly && len(steps) == 0 && (books.stats.Records > 0 || books.stats.Dropped > 0) {
				t.Fatalf("the sink works: %+v", books.stats)
			}
		})
	})
}

// readSpool counts the records that the next process finds.
func readSpool(dir string) (map[string]int, error) {
	s, err := breakerspool.Open(dir, breakerspool.WithMinFree(0), breakerspool.WithMaxBytes(1<<20))
	if err != nil {
		return nil, err
	}
	records := map[string]int{}
	for r, err := range s.Records() {
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		note(records, r.Data)
	}
	return records, s.Close()
}

// ledger is what each place knows about the records.
type ledger struct {
	offered  []string
	live     *connection // of the Writer
	lost     map[string]int
	spool    *notedSpool
	replayed *drained
	inSpool  map[string]int
	stats    breakerspool.Stats

	mu      sync.Mutex
	dropped uint64 // as reported
}

func (l *ledger) drop(d breakerspool.Drop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped += d.Records
}

// check compares the places, of the records and of the counts.
func (l *ledger) check() error {
	if l.replayed.broken != nil {
		return l.replayed.broken
	}
	if err := l.checkSinks(); err != nil {
		return err
	}
	var c places
	for _, record := range l.offered {
		if err := l.place(record, &c); err != nil {
			return fmt.Errorf("%.9s...: %w", record, err)
		}
	}
	if err := l.checkUnexpected(); err != nil {
		return err
	}
	return c.check(l.stats, l.dropped, l.replayed.again)
}

// checkSinks compares what the sink has with what its connections did. Only a write that is cut, or
// one that is taken and fails, brings a line that is torn or a record that nobody counts.
func (l *ledger) checkSinks() error {
	for name, c := range map[string]*connection{"the Writer": l.live, "Replay": l.replayed.connection} {
		records, torn := c.read()
		if !slices.Equal(torn, c.torn) {
			return fmt.Errorf("%s: the lines %.9q are torn, the sink cut %.9q", name, torn, c.torn)
		}
		for _, record := range l.offered {
			if records[record] != c.taken[record]+c.kept[record] {
				return fmt.Errorf("%s: %.9s... is in the sink %d times, which took it %d times, and %d times more with an error",
					name, record, records[record], c.taken[record], c.kept[record])
			}
			delete(records, record)
		}
		if len(records) > 0 {
			return fmt.Errorf("%s: the sink has %.9v, which nobody wrote", name, records)
		}
	}
	return nil
}

// checkUnexpected looks for records that nobody offered.
func (l *ledger) checkUnexpected() error {
	offered := map[string]bool{}
	for _, record := range l.offered {
		offered[record] = true
	}
	for name, records := range map[string]map[string]int{
		"the sink": l.live.taken, "Replay": l.replayed.taken, "the spool": l.inSpool,
		"the writes of the spool": l.spool.appended, "the losses": l.lost,
	} {
		for record := range records {
			if !offered[record] {
				return fmt.Errorf("%q is in %s, and nobody offered it", record, name)
			}
		}
	}
	return nil
}

// places counts the records of the spool by where they are in the end.
type places struct {
	appended uint64
	takes    uint64 // by the sink, from Replay
	left     uint64 // in the spool
	nowhere  uint64
	early    uint64 // takes of records that were early, the first one too
	both     uint64 // taken, and still in the spool
}

// place finds the place of a record: the sink took it from the Writer, or it is lost, or the spool
// acknowledged it. Then the sink took it once from Replay, or it is in the spool, or it is nowhere.
// Only a record that the sink took before its turn may be taken again, or still be in the spool.
func (l *ledger) place(record string, c *places) error {
	appended, takes, left := l.spool.appended[record], l.replayed.taken[record], l.inSpool[record]
	if n := l.live.taken[record] + appended + l.lost[record]; n != 1 {
		return fmt.Errorf("it has %d places instead of one: the sink took it %d times, the spool %d times, lost %d times",
			n, l.live.taken[record], appended, l.lost[record])
	}
	if appended == 0 && takes+left > 0 {
		return fmt.Errorf("Replay wrote it %d times, and %d are in the spool, which did not acknowledge it", takes, left)
	}
	isEarly := l.replayed.early[record]
	if left > 1 || takes+left > 1 && !isEarly {
		return fmt.Errorf("the sink took it %d times, and it is in the spool %d times", takes, left)
	}
	c.appended += uint64(appended)
	c.takes += uint64(takes)
	c.left += uint64(left)
	if isEarly {
		c.early += uint64(takes)
	}
	switch {
	case takes > 0 && left > 0:
		c.both++
	case appended > 0 && takes == 0 && left == 0:
		c.nowhere++
	}
	return nil
}

// check compares the places with the spool's own counts. They are equal, except that a take before
// its turn may count as none.
func (c *places) check(s breakerspool.Stats, reported, again uint64) error {
	switch early := c.early; {
	case s.Appended != c.appended:
		return fmt.Errorf("%d records are acknowledged: %+v", c.appended, s)
	case s.Appended != s.Replayed+s.Records+s.Dropped:
		return fmt.Errorf("the counts do not add up: %+v", s)
	case s.Dropped != reported:
		return fmt.Errorf("%d records are reported as dropped: %+v", reported, s)
	case s.Repeated != again:
		return fmt.Errorf("%d records are offered again: %+v", again, s)
	case c.takes < s.Replayed || c.takes > s.Replayed+early:
		return fmt.Errorf("the sink took records %d times, %d of them early: %+v", c.takes, early, s)
	case c.left < s.Records || c.left > s.Records+c.both:
		return fmt.Errorf("%d records are in the spool, %d of them taken early: %+v", c.left, c.both, s)
	case c.nowhere > s.Dropped || c.nowhere+early < s.Dropped:
		return fmt.Errorf("%d records are nowhere, %d takes are early: %+v", c.nowhere, early, s)
	}
	return nil
}
