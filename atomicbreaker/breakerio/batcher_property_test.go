// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// batchPlan is one run.
type batchPlan struct {
	batch, most       int
	lane              bool
	repanic           bool
	primary, fallback []batchStep
	writers           [][]batchAct
	end               time.Duration // when the Batcher is shut down
	patience          time.Duration // the timeout of Shutdown's context; 0: use Close
}

// batchAct is one action of a writer: a pause, a write, and sometimes a Sync.
type batchAct struct {
	pause   time.Duration
	size    int
	newline bool
	sync    bool
}

func drawBatchPlan(t *rapid.T) batchPlan {
	steps := func(label string, deeds ...int) []batchStep {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) batchStep {
			return batchStep{
				deed: rapid.SampledFrom(deeds).Draw(t, "deed"), part: rapid.IntRange(0, 99).Draw(t, "part"),
				hangs: label == "primary" && rapid.IntRange(0, 5).Draw(t, "hangs") == 5,
			}
		}), 0, 12).Draw(t, label)
	}
	p := batchPlan{
		batch:    rapid.IntRange(1, 100).Draw(t, "batch"),
		lane:     rapid.Bool().Draw(t, "lane"),
		repanic:  rapid.Bool().Draw(t, "repanic"),
		primary:  steps("primary", takesAll, failsAll, takesPart, panics, exits),
		fallback: steps("fallback", takesAll, takesAll, failsAll, panics),
		end:      time.Duration(rapid.IntRange(0, 40).Draw(t, "end")) * 700 * time.Millisecond,
		patience: time.Duration(rapid.IntRange(0, 3).Draw(t, "patience")) * 9 * time.Second,
	}
	p.most = rapid.IntRange(1, 10*p.batch).Draw(t, "most")
	act := rapid.Custom(func(t *rapid.T) batchAct {
		return batchAct{
			pause: rapid.SampledFrom([]time.Duration{0, 0, 0, 300 * time.Millisecond, 4 * time.Second}).Draw(t, "pause"),
			size:  rapid.OneOf(rapid.IntRange(0, 30), rapid.IntRange(0, 3*p.batch)).Draw(t, "size"), newline: rapid.Bool().Draw(t, "newline"),
			sync: rapid.IntRange(0, 9).Draw(t, "sync") == 9,
		}
	})
	p.writers = rapid.SliceOfN(rapid.SliceOfN(act, 1, 20), 1, 3).Draw(t, "writers")
	return p
}

// Every accepted record ends in one place, in the order of its writer, whatever the sinks do and
// whenever the Batcher is synced and shut down. No writer waits.
func TestBatcher_Conservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawBatchPlan(t)
		rapid.SyncTest(t, func(t *rapid.T) {
			if wrong := p.run(); wrong != nil {
				t.Fatal(strings.Join(wrong, "\n"))
			}
		})
	})
}

func (p batchPlan) run() []string {
	l := &ledger{
		accepted: map[string]bool{}, refused: map[string]bool{}, primary: map[string]int{}, fallback: map[string]int{},
		lost: map[string]int{}, twice: map[string]bool{},
	}
	sink := &scripted{ledger: l, taken: l.primary, script: p.primary, primary: true}
	fallback := &scripted{ledger: l, taken: l.fallback, script: p.fallback}
	opts := []breakerio.Option{breakerio.WithOnLost(func(lost []byte, _ error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, record := range whole(lost) {
			l.lost[record]++
		}
	})}
	if p.repanic {
		opts = append(opts, breakerio.WithRepanic())
	}
	guard := breaker(atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithProbeTimeout(2*time.Second))
	w := breakerio.NewWriter(guard, sink, fallback, opts...)
	if p.lane {
		w = breakerio.NewWriter(guard, breakerio.NewLane(sink, time.Second), fallback, opts...)
	}
	b := breakerio.NewBatcher(w, breakerio.WithBatchBytes(p.batch), breakerio.WithMaxBytes(p.most))
	var wg sync.WaitGroup
	for i, acts := range p.writers {
		wg.Go(func() { l.write(b, i, acts) })
	}
	time.Sleep(p.end)
	p.shutDown(l, b)
	wg.Wait()
	time.Sleep(15 * hangs)
	synctest.Wait()
	p.judge(l, b, w)
	return l.wrong
}

// write runs one writer.
func (l *ledger) write(b *breakerio.Batcher, writer int, acts []batchAct) {
	var mine []string
	for i, act := range acts {
		time.Sleep(act.pause)
		record := fmt.Sprintf("%d.%d", writer, i)
		text := ""
		if act.size > 0 {
			text = "@" + record + "@" + strings.Repeat("x", act.size) + "|"
			if act.newline {
				text += "\n"
			}
		}
		began := time.Now()
		n, err := writeContained(b, text)
		l.mu.Lock()
		if took := time.Since(began); took != 0 {
			l.complain("%s: the caller waited for %v", record, took)
		}
		switch {
		case errors.Is(err, fs.ErrClosed):
			l.refused[record] = true
		case err == nil && n != len(text):
			l.complain("%s: a write of %d returned %d", record, len(text), n)
		case text != "":
			l.accepted[record] = true // or reported lost
			mine = append(mine, record)
		}
		l.mu.Unlock()
		if !act.sync {
			continue
		}
		began = time.Now()
		err = b.Sync()
		l.mu.Lock()
		if took := time.Since(began); took > 5*time.Second {
			l.complain("Sync took %v", took)
		}
		for _, record := range mine {
			if !errors.Is(err, fs.ErrClosed) && !errors.Is(err, context.DeadlineExceeded) && !l.settled(record) {
				l.complain("%s: not settled after Sync: %v", record, err)
			}
		}
		l.mu.Unlock()
	}
}

// writeContained writes and recovers from a panic of the fallback, which continues with
// WithRepanic.
func writeContained(b *breakerio.Batcher, text string) (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errDown
		}
	}()
	return b.Write([]byte(text))
}

func (p batchPlan) shutDown(l *ledger, b *breakerio.Batcher) {
	patience, end := p.patience, b.Close
	if patience > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		end = func() error { return b.Shutdown(ctx) }
	} else {
		patience = 5 * time.Second
	}
	began := time.Now()
	err := end()
	l.mu.Lock()
	defer l.mu.Unlock()
	if took := time.Since(began); took > patience+time.Second {
		l.complain("Shutdown took %v", took)
	}
	for record := range l.accepted {
		if !l.settled(record) {
			l.complain("%s: not settled after Shutdown: %v", record, err)
		}
	}
}

func (p batchPlan) judge(l *ledger, b *breakerio.Batcher, w *breakerio.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for record := range l.accepted {
		primary, fallback, lost := l.primary[record], l.fallback[record], l.lost[record]
		sum := primary + fallback + lost
		if sum == 0 || primary > 1 || fallback+lost > 1 || sum > 1 && !l.twice[record] {
			l.complain("%s: %d times in the primary, %d in the fallback, %d lost", record, primary, fallback, lost)
		}
	}
	for record := range l.refused {
		if l.settled(record) {
			l.complain("%s: refused, and not nowhere", record)
		}
	}
	last := map[string]int{}
	for _, records := range l.offered {
		size := 0
		for _, record := range records {
			var i int
			writer, rest, _ := strings.Cut(record, ".")
			_, _ = fmt.Sscan(rest, &i)
			if previous, seen := last[writer]; seen && previous >= i {
				l.complain("%s: after %s.%d", record, writer, previous)
			}
			last[writer] = i
			size += p.sizeOf(record)
		}
		if len(records) > 1 && size > p.batch {
			l.complain("a batch of %d bytes, and %d records", size, len(records))
		}
	}
	stats := b.Stats()
	if stats.Records+stats.Overflowed != uint64(len(l.accepted)) || stats.Waiting != 0 {
		l.complain("%d records were accepted: %+v", len(l.accepted), stats)
	}
	if late := w.Stats().Late; late > 1 && !p.lane { // the lane counts its own
		l.complain("%d batches were in flight at once", late)
	}
}

// sizeOf returns the size of a record in bytes, including its newline.
func (p batchPlan) sizeOf(record string) int {
	var writer, i int
	_, _ = fmt.Sscanf(record, "%d.%d", &writer, &i)
	return len("@"+record+"@|\n") + p.writers[writer][i].size
}
