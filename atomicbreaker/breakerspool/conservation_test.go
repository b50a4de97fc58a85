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
	text  bytes.Buffer
	taken map[string]bool // the records that it said it took
}

func (c *connection) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { note(c.taken, p[:n]) }()
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

// note adds the whole lines of p to records.
func note(records map[string]bool, p []byte) {
	for line := range bytes.Lines(p) {
		if record, isWhole := bytes.CutSuffix(line, []byte("\n")); isWhole && len(record) > 0 {
			records[string(record)] = true
		}
	}
}

// notedSpool is a spool that notes the records that it acknowledges.
type notedSpool struct {
	*breakerspool.Spool
	mu       sync.Mutex
	appended map[string]bool
}

func (s *notedSpool) Write(p []byte) (int, error) {
	n, err := s.Spool.Write(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	note(s.appended, p[:n])
	return n, err
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
// fallback. Each record is taken by the sink, acknowledged by the spool or reported as lost, and is
// only one of these. Each record of the spool is then taken by the sink, still in the spool, or
// dropped and counted. A record is in the sink twice only if the sink took it and said that it did
// not, or in a trial.
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
			live := &connection{peer: p, taken: map[string]bool{}}
			replayed := &connection{peer: p, taken: map[string]bool{}}
			fallback := &notedSpool{Spool: s, appended: map[string]bool{}}
			var primary io.Writer = live
			if drain {
				primary = s.DrainFirst(live)
			}
			b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(time.Second))
			lost := map[string]int{}
			w := breakerio.NewWriter(b, primary, fallback, breakerio.WithOnLost(func(p []byte, _ error) {
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
			var dropped, left uint64
			for _, d := range drops {
				dropped += d.Records
			}
			twice := 0
			count := func(is bool) int {
				if is {
					return 1
				}
				return 0
			}
			for g := range writers {
				for i := range records {
					record := fmt.Sprintf("<%d %d %s>", g, i, pad)
					isSpooled := fallback.appended[record]
					if n := count(live.taken[record]) + count(isSpooled) + lost[record]; n != 1 {
						t.Fatalf("%.9s... has %d places instead of one: sink %v, spool %v, lost %d",
							record, n, live.taken[record], isSpooled, lost[record])
					}
					isTaken := live.taken[record] || replayed.taken[record]
					if isTaken && inSink[record] == 0 {
						t.Fatalf("%.9s... is not in the sink, which took it", record)
					}
					if isSpooled && !isTaken && inSpool[record] == 0 {
						left++
					}
					if isTaken && inSpool[record] > 0 && !trialsBeyond(stats) {
						t.Fatalf("%.9s... is still in the spool, but the sink took it", record)
					}
					twice += max(0, inSink[record]-1)
				}
			}
			if left > dropped || left < dropped && !trialsBeyond(stats) {
				t.Fatalf("%d records have left the spool without the sink, %d are reported as dropped", left, dropped)
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
			if !stopEarly && len(steps) == 0 && (n > 0 || left > 0) {
				t.Fatalf("the sink works: %d records are in the spool, %d were dropped", n, left)
			}
		})
	})
}

// trialsBeyond reports whether a record may have been written behind one that was refused.
func trialsBeyond(s breakerspool.Stats) bool { return s.Repeated >= 5 }
