// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"bufio"
	"io"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Bufio is the usual alternative to a Batcher: a bufio.Writer of the same size under a mutex. It
// loses what the sink rejects, and waits for the sink.
var Bufio = scenario.Subject{Name: "bufio", Loops: scenario.BatchLoops(func() io.Writer {
	return &lockedWriter{w: bufio.NewWriterSize(scenario.Nowhere{}, batchSize)}
})}

// Pace takes the time that a record may take: at 10^7 records a second, and at 5 × 10^6 records a
// second, of which each goroutine writes a 64th.
var Pace = scenario.Subject{Name: "pace", Loops: scenario.Loops{
	scenario.BatchRecord:   func() scenario.Loop { return paceLoop(100 * time.Nanosecond) },
	scenario.BatchRecord64: func() scenario.Loop { return paceLoop(64 * 200 * time.Nanosecond) },
}}

type lockedWriter struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

// paceLoop sleeps, so that any number of goroutines can run it at once.
//
//go:noinline
func paceLoop(each time.Duration) scenario.Loop {
	return func(n int) { time.Sleep(time.Duration(n) * each) }
}

// Plain is a batcher without a breaker, with the same batch size.
var Plain = scenario.Subject{Name: "plain", Loops: scenario.Loops{
	scenario.SlogProcess: func() scenario.Loop {
		b := newPlainBatcher(scenario.StartProcess())
		return scenario.ProcessLoop(b, b.flush)
	},
}}

// plainBatcher fills one buffer while it writes the other, and blocks when both are full.
type plainBatcher struct {
	sink    io.Writer
	mu      sync.Mutex
	filling []byte
	full    chan []byte
	empty   chan []byte
}

func newPlainBatcher(sink io.Writer) *plainBatcher {
	b := &plainBatcher{sink: sink, full: make(chan []byte), empty: make(chan []byte, 1)}
	b.filling = make([]byte, 0, batchSize)
	b.empty <- make([]byte, 0, batchSize)
	go func() {
		for batch := range b.full {
			if _, err := sink.Write(batch); err != nil {
				panic(scenario.Failed)
			}
			b.empty <- batch[:0]
		}
	}()
	return b
}

const batchSize = 256 << 10

func (b *plainBatcher) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.filling)+len(p) > batchSize {
		b.swap()
	}
	b.filling = append(b.filling, p...)
	return len(p), nil
}

func (b *plainBatcher) swap() {
	empty := <-b.empty
	b.full <- b.filling
	b.filling = empty
}

// flush returns when the sink has taken everything.
func (b *plainBatcher) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.filling) > 0 {
		b.swap()
		b.empty <- <-b.empty
	}
}
