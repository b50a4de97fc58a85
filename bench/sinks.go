// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"io"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// bareSubject logs without a breaker.
var bareSubject = scenario.Subject{Name: "bare", Loops: scenario.Merge(scenario.LogLoops(func(w io.Writer) io.Writer { return w }), map[scenario.Scenario]func() scenario.Loop{
	scenario.LogRecord:   func() scenario.Loop { return scenario.HandleLoop(scenario.NewJSON()) },
	scenario.WriteRecord: func() scenario.Loop { return scenario.WriteLoop(scenario.Nowhere{}) },
	scenario.LaneBurst:   func() scenario.Loop { return scenario.BurstLoop(scenario.Sleeper{}) },
})}

// handlerSubject has the slog adapter around its handler; that of breakerio is in ours.go. The
// references are: unsafeSubject, an io.Writer that takes a permit, writes and reports, and is
// unsafe because it loses a record whose sink panics; and permitSubject, the same without a method
// around it. The difference between the two is the cost of being an io.Writer.
var (
	handlerSubject = scenario.Subject{Name: "breakerslog", Loops: map[scenario.Scenario]func() scenario.Loop{
		scenario.LogRecord: func() scenario.Loop {
			return scenario.HandleLoop(breakerslog.NewHandler(atomicNew(scenario.UsualScene), scenario.NewJSON(), scenario.NewJSON()))
		},
	}}
	unsafeSubject = scenario.Subject{Name: "unsafe", Loops: map[scenario.Scenario]func() scenario.Loop{
		scenario.WriteRecord: func() scenario.Loop {
			return scenario.WriteLoop(&unsafeWriter{atomicNew(scenario.UsualScene), scenario.Nowhere{}, scenario.Nowhere{}})
		},
	}}
	permitSubject = scenario.Subject{Name: "permit", Loops: map[scenario.Scenario]func() scenario.Loop{
		scenario.WriteRecord: func() scenario.Loop { return permitLoop(atomicNew(scenario.UsualScene), scenario.Nowhere{}) },
	}}
)

// unsafeWriter is a guarded writer that ignores panics.
type unsafeWriter struct {
	breaker           *atomicBreaker
	primary, fallback io.Writer
}

func (w *unsafeWriter) Write(p []byte) (int, error) {
	permit, ok := w.breaker.TryAcquire()
	if !ok {
		return w.fallback.Write(p)
	}
	n, err := w.primary.Write(p)
	if err != nil || n < len(p) {
		permit.Failure()
		return w.fallback.Write(p)
	}
	permit.Success()
	return n, nil
}

//go:noinline
func permitLoop(b *atomicBreaker, w io.Writer) scenario.Loop {
	record := []byte("a record\n")
	return func(n int) {
		for range n {
			p, ok := b.TryAcquire()
			if !ok {
				panic(scenario.UnexpectedReject)
			}
			if _, err := w.Write(record); err != nil {
				panic(scenario.Failed)
			}
			p.Success()
		}
	}
}

const laneTimeout = time.Minute // never reached: no scenario has a sink that hangs

func laneLoops() map[scenario.Scenario]func() scenario.Loop {
	return map[scenario.Scenario]func() scenario.Loop{
		scenario.LaneRecord: func() scenario.Loop { return scenario.WriteLoop(breakerio.NewLane(scenario.Nowhere{}, laneTimeout)) },
		scenario.LaneBurst: func() scenario.Loop {
			lane := breakerio.NewLane(scenario.Sleeper{}, laneTimeout, breakerio.WithWidth(scenario.BurstWidth))
			return scenario.BurstLoop(breakerio.NewWriter(atomicNew(scenario.UsualScene), lane, nil))
		},
	}
}

// handoffSubject is the least that a Lane could cost: the record is copied, and two channels carry
// the turn and the result. It has no timeout.
var handoffSubject = scenario.Subject{Name: "handoff", Loops: map[scenario.Scenario]func() scenario.Loop{
	scenario.LaneRecord: func() scenario.Loop { return scenario.WriteLoop(newHandoff()) },
}}

type handoff struct {
	mu      sync.Mutex
	buf     []byte
	work    chan struct{}
	results chan error
}

func newHandoff() *handoff {
	h := &handoff{work: make(chan struct{}), results: make(chan error)}
	go func() {
		for range h.work {
			_, err := scenario.Nowhere{}.Write(h.buf)
			h.results <- err
		}
	}()
	return h
}

func (h *handoff) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf = append(h.buf[:0], p...)
	h.work <- struct{}{}
	return len(p), <-h.results
}

// batcherSubject has a Batcher above the guarded sink. bufioSubject is the usual alternative: a
// bufio.Writer of the same size under a mutex, which loses what the sink rejects, and waits for the
// sink. paceSubject takes the time that a record may take.
var (
	batcherSubject = scenario.Subject{Name: "batcher", Loops: scenario.Merge(scenario.BatchLoops(func() io.Writer {
		return breakerio.NewBatcher(breakerio.NewWriter(atomicNew(scenario.UsualScene), scenario.Nowhere{}, scenario.Nowhere{}))
	}), map[scenario.Scenario]func() scenario.Loop{scenario.SlogProcess: guardedLoop})}
	bufioSubject = scenario.Subject{Name: "bufio", Loops: scenario.BatchLoops(func() io.Writer {
		return &lockedWriter{w: bufio.NewWriterSize(scenario.Nowhere{}, batchSize)}
	})}
	paceSubject = scenario.Subject{Name: "pace", Loops: map[scenario.Scenario]func() scenario.Loop{
		scenario.BatchRecord:   func() scenario.Loop { return paceLoop(100 * time.Nanosecond) },      // 10^7 records a second
		scenario.BatchRecord64: func() scenario.Loop { return paceLoop(64 * 200 * time.Nanosecond) }, // 5 × 10^6 a second, a 64th of them by each goroutine
	}}
)

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

// plainSubject is a batcher without a breaker, with the same batch size.
var plainSubject = scenario.Subject{Name: "plain", Loops: map[scenario.Scenario]func() scenario.Loop{scenario.SlogProcess: func() scenario.Loop {
	b := newPlainBatcher(scenario.StartProcess())
	return scenario.ProcessLoop(b, b.flush)
}}}

// guardedLoop is SlogProcess through the library. It panics if a record overflows, because that
// record would not be delivered.
func guardedLoop() scenario.Loop {
	b := breakerio.NewBatcher(breakerio.NewWriter(atomicNew(scenario.UsualScene), scenario.StartProcess(), nil))
	return scenario.ProcessLoop(b, func() {
		if b.Sync() != nil || b.Stats().Overflowed > 0 {
			panic(scenario.Failed)
		}
	})
}

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
