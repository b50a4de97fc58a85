// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

var (
	errDown     = errors.New("down")
	errTooLarge = errors.New("record too large")
)

// What a scripted sink does with a record.
const (
	accept = iota
	fails
	short     // takes a part and says nothing
	torn      // takes a part and fails
	tooLarge  // the record's own error
	cancelled // the caller's
	panics
	exits // runtime.Goexit
	hangs // takes the record after a long time

)

// scripted is a sink that behaves as drawn, and keeps the records that it took whole. It also checks how it is called.
type scripted struct {
	script []int
	next   atomic.Int64

	mu    sync.Mutex
	taken map[string]int
	bad   []string
}

func newScripted(script []int) *scripted { return &scripted{script: script, taken: map[string]int{}} }

func (s *scripted) Write(p []byte) (int, error) {
	before := bytes.Clone(p)
	defer func() {
		if !bytes.Equal(before, p) {
			s.keep(&s.bad, "changed during the write: "+string(before))
		}
	}()
	behaviour := accept
	if i := int(s.next.Add(1)) - 1; i < len(s.script) {
		behaviour = s.script[i]
	}
	switch behaviour {
	case fails:
		return 0, errDown
	case short:
		return len(p) / 2, nil
	case torn:
		return len(p) / 2, errDown
	case tooLarge:
		return 0, errTooLarge
	case cancelled:
		return 0, fmt.Errorf("gave up: %w", context.Canceled)
	case panics:
		panic("the sink broke")
	case exits:
		runtime.Goexit()
	case hangs:
		time.Sleep(3 * time.Second)
	}
	s.mu.Lock()
	s.taken[string(p)]++
	s.mu.Unlock()
	return len(p), nil
}

func (s *scripted) keep(list *[]string, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, what)
}

func (s *scripted) Sync() error { return nil }

// scripts draws what a sink does, so that every run ends with a sink that works.
func scripts(t *rapid.T, label string, atMost int) []int {
	return rapid.SliceOfN(rapid.IntRange(accept, atMost), 0, 60).Draw(t, label)
}

// Every record offered ends in exactly one of primary, fallback, lost; and what the Writer counts is what happened.
func TestWriter_Conservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lane := rapid.Bool().Draw(t, "lane")
		worst := exits
		if lane {
			worst = hangs
		}
		primary, fallback := newScripted(scripts(t, "primary", worst)), newScripted(scripts(t, "fallback", exits))
		goroutines := rapid.IntRange(1, 16).Draw(t, "goroutines")
		records := rapid.IntRange(1, 12).Draw(t, "records")
		pause := rapid.SampledFrom([]time.Duration{0, time.Millisecond, time.Second}).Draw(t, "pause")
		disturb := rapid.IntRange(0, 3).Draw(t, "disturb")
		closeAt := rapid.IntRange(0, 200).Draw(t, "close at")
		rapid.SyncTest(t, func(t *rapid.T) {
			conserve(t, primary, fallback, conservation{lane, goroutines, records, disturb, closeAt, pause})
		})
	})
}

type conservation struct {
	lane                                  bool
	goroutines, records, disturb, closeAt int
	pause                                 time.Duration
}

func conserve(t *rapid.T, primary, fallback *scripted, c conservation) {
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(time.Second))
	var mu sync.Mutex
	lost := map[string]int{}
	var outages []breakerio.Outage
	opts := []breakerio.Option{
		breakerio.WithRecordErrors(func(err error) bool { return errors.Is(err, errTooLarge) }),
		breakerio.WithOnLost(func(p []byte, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				lost["no error"]++
			}
			lost[string(p)]++
		}),
		breakerio.WithOnOutage(func(o breakerio.Outage) {
			mu.Lock()
			defer mu.Unlock()
			outages = append(outages, o)
		}),
	}
	var lane *breakerio.Lane
	w := breakerio.NewWriter(b, primary, fallback, opts...)
	if c.lane {
		lane = breakerio.NewLane(primary, 100*time.Millisecond)
		w = breakerio.NewWriter(b, lane, fallback, opts...)
	}
	var refused, exited atomic.Int64
	var wrong atomic.Pointer[string]
	var wg sync.WaitGroup
	offer := func(g, i int) {
		record := fmt.Sprintf("%d/%d.", g, i)
		p := []byte(record)
		returned := false
		defer func() {
			if !returned {
				exited.Add(1)
			}
		}()
		n, err := w.Write(p)
		returned = true
		if err != nil {
			refused.Add(1)
		}
		if string(p) != record || (err == nil) != (n == len(p)) || (err != nil && n != 0) {
			what := fmt.Sprintf("%q: %d, %v", p, n, err)
			wrong.Store(&what)
		}
		copy(p, "xxxxxxxxxx") // whoever kept it has something else now
	}
	for g := range c.goroutines {
		wg.Go(func() {
			for i := range c.records {
				done := make(chan struct{})
				go func() { // of its own, because the sink may end it
					defer close(done)
					offer(g, i)
				}()
				<-done
				time.Sleep(c.pause)
				if g == 0 && c.disturb > 0 && i%c.disturb == 0 {
					_ = w.Sync()
				}
				if g == 0 && i == c.closeAt {
					_ = w.Close()
				}
			}
		})
	}
	wg.Wait()
	time.Sleep(time.Minute) // until what hangs has come back
	torn, late := w.Stats().Torn, uint64(0)
	if lane != nil {
		late = lane.Late()
		_ = lane.Close()
	}
	synctest.Wait()

	require.Nil(t, wrong.Load())
	require.Empty(t, primary.bad)
	require.Empty(t, fallback.bad)
	duplicates, kept := 0, 0
	for g := range c.goroutines {
		for i := range c.records {
			record := fmt.Sprintf("%d/%d.", g, i)
			places := primary.taken[record] + fallback.taken[record] + lost[record]
			require.GreaterOrEqual(t, places, 1, "%s is nowhere", record)
			require.LessOrEqual(t, primary.taken[record], 1)
			require.LessOrEqual(t, fallback.taken[record]+lost[record], 1, record)
			duplicates += places - 1
			kept += fallback.taken[record]
		}
	}
	require.LessOrEqual(t, uint64(duplicates), late, "a duplicate is a late write")
	s := w.Stats()
	require.Equal(t, uint64(kept), s.Fallback)
	require.Equal(t, uint64(len(lost)), s.Lost)
	require.LessOrEqual(t, refused.Load(), int64(s.Lost))
	require.LessOrEqual(t, int64(s.Lost), refused.Load()+exited.Load())
	require.Equal(t, uint64(len(outages)), s.Outages)
	require.Equal(t, torn, s.Torn)
	var told uint64
	for _, o := range outages {
		require.Equal(t, "sink", o.Name)
		require.Positive(t, o.Fallback+o.Lost, "an outage of no record")
		told += o.Fallback + o.Lost
	}
	require.LessOrEqual(t, told, s.Fallback+s.Lost, "no record counts in two outages")
	require.NotContains(t, strings.Join(primary.bad, ""), "changed")
	if s := b.Snapshot(); s.HalfOpenCalls != 0 {
		require.Fail(t, "a permit was not settled", "%+v", s)
	}
}
