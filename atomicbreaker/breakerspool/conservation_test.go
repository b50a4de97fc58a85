// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// peer is what the connections of the Writer and of Replay lead to. Each write on either takes the
// next step of its script.
type peer struct {
	mu     sync.Mutex
	script []peerStep
}

type peerStep struct {
	act  int // 0, 1: takes; 2: fails; 3: tears; 4: takes and fails; 5: is busy
	part int
}

type connection struct {
	*peer
	text bytes.Buffer
}

func (c *connection) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	step := peerStep{}
	if len(c.script) > 0 {
		step, c.script = c.script[0], c.script[1:]
	}
	switch step.act {
	case 2:
		return 0, errDown
	case 3:
		part := step.part % len(p)
		c.text.Write(p[:part])
		return part, errDown
	case 4:
		c.text.Write(p)
		return 0, errDown
	case 5:
		return 0, breakerio.ErrBusy
	}
	c.text.Write(p)
	return len(p), nil
}

// whole counts the records of a connection, and returns the lines that are none.
func (c *connection) whole(records map[string]int) (torn []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range strings.Lines(c.text.String()) {
		if strings.HasPrefix(line, "<") && strings.HasSuffix(line, ">\n") && strings.Count(line, "<") == 1 {
			records[strings.TrimSpace(line)]++
		} else {
			torn = append(torn, line)
		}
	}
	return torn
}

// TestConservation offers records to a Writer, directly or through a Batcher, with the spool as its
// fallback. Every record ends in the sink, in the spool, or is dropped or lost and counted. A record
// is in the sink twice only if the sink took it and said that it did not, or in a trial.
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
			var drops []breakerspool.Drop
			opts := []breakerspool.Option{
				breakerspool.WithMinFree(0), breakerspool.WithOnDrop(func(d breakerspool.Drop) { drops = append(drops, d) }),
			}
			if small {
				opts = append(opts, breakerspool.WithMaxBytes(64<<10))
			}
			s, err := breakerspool.Open(dir, opts...)
			if err != nil {
				t.Fatal(err)
			}
			p := &peer{script: steps}
			live, replayed := &connection{peer: p}, &connection{peer: p}
			var primary io.Writer = live
			if drain {
				primary = s.DrainFirst(live)
			}
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(time.Second))
			lost := map[string]int{}
			w := breakerio.NewWriter(b, primary, s, breakerio.WithOnLost(func(p []byte, _ error) {
				for line := range strings.Lines(string(p)) {
					lost[strings.TrimSpace(line)]++
				}
			}))
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
				_ = s.Replay(ctx, b, replayed, breakerspool.WithBatch(batch))
			}()
			var wg sync.WaitGroup
			var logger sync.Mutex
			for g := range writers {
				wg.Go(func() {
					for i := range records {
						logger.Lock() // as every logger has one
						_, _ = fmt.Fprintf(offer, "<%d %d %s>\n", g, i, pad)
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
			stats, inSpool := s.Stats(), map[string]int{}
			before := stats.Records
			_ = closeAll() // closes the spool, after the records that a Batcher held
			s, err = breakerspool.Open(dir, breakerspool.WithMinFree(0), breakerspool.WithMaxBytes(1<<20))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			n := uint64(0)
			for r, err := range s.Records() {
				if err != nil {
					t.Fatal(err)
				}
				for line := range strings.Lines(string(r.Data)) {
					inSpool[strings.TrimSpace(line)]++
					n++
				}
			}
			if !batched && n != before && stats.Dropped == 0 {
				t.Fatalf("%d records are in the spool, Stats counts %d", n, before)
			}
			inSink := map[string]int{}
			live.whole(inSink)
			replayed.whole(inSink)
			missing, twice := 0, 0
			for g := range writers {
				for i := range records {
					record := fmt.Sprintf("<%d %d %s>", g, i, pad)
					if inSink[record]+inSpool[record]+lost[record] == 0 {
						missing++
					}
					twice += max(0, inSink[record]-1)
				}
			}
			var dropped uint64
			for _, d := range drops {
				dropped += d.Records
			}
			if uint64(missing) > dropped {
				t.Fatalf("%d records are nowhere, %d were dropped", missing, dropped)
			}
			lied := 0
			for _, step := range steps {
				if step.act == 4 || step.act == 3 { // what is torn may lack the newline alone
					lied++
				}
			}
			if most := lied * max(1, records*writers); twice > most || lied == 0 && twice > 0 && !trialsBeyond(stats) {
				t.Fatalf("%d records are in the sink twice", twice)
			}
			if !stopEarly && len(steps) == 0 && (n > 0 || missing > 0) {
				t.Fatalf("the sink works: %d records are in the spool, %d are nowhere", n, missing)
			}
		})
	})
}

// trialsBeyond reports whether a record may have been written behind one that was refused.
func trialsBeyond(s breakerspool.Stats) bool { return s.Repeated >= 5 }
