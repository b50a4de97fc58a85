// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"io"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// These are the scenarios of the Batcher. The sink takes everything at no cost.
const (
	BatchRecord   Scenario = "Batch/record=200/goroutines=1" // an io.Writer, a record of 200 bytes
	BatchRecord64 Scenario = "Batch/record=200/goroutines=64"
	SlogBatch     Scenario = "Batch/logger=slog/goroutines=1" // a log call, as in SlogDiscard
)

// batcherSubject has a Batcher above the guarded sink. bufioSubject is the usual alternative: a
// bufio.Writer of the same size under a mutex, which loses what the sink rejects, and waits for the
// sink. paceSubject takes the time that a record may take.
var (
	batcherSubject = Subject{"batcher", merge(batchLoops(func() io.Writer {
		return breakerio.NewBatcher(breakerio.NewWriter(atomicNew(usual), nowhere{}, nowhere{}))
	}), map[Scenario]func() Loop{SlogProcess: guardedLoop})}
	bufioSubject = Subject{"bufio", batchLoops(func() io.Writer {
		return &lockedWriter{w: bufio.NewWriterSize(nowhere{}, batchSize)}
	})}
	paceSubject = Subject{"pace", map[Scenario]func() Loop{
		BatchRecord:   func() Loop { return paceLoop(100 * time.Nanosecond) },      // 10^7 records a second
		BatchRecord64: func() Loop { return paceLoop(64 * 200 * time.Nanosecond) }, // 5 × 10^6 a second, a 64th of them by each goroutine
	}}
)

func batchLoops(open func() io.Writer) map[Scenario]func() Loop {
	return map[Scenario]func() Loop{
		BatchRecord:   func() Loop { return batchLoop(open()) },
		BatchRecord64: func() Loop { return batchLoop(open()) },
		SlogBatch:     func() Loop { return slogLoop(open()) },
	}
}

type lockedWriter struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

//go:noinline
func batchLoop(w io.Writer) Loop {
	record := append(bytes.Repeat([]byte("x"), 199), '\n')
	return func(n int) {
		for range n {
			if _, err := w.Write(record); err != nil {
				panic(failed)
			}
		}
	}
}

// paceLoop sleeps, so that any number of goroutines can run it at once.
//
//go:noinline
func paceLoop(each time.Duration) Loop {
	return func(n int) { time.Sleep(time.Duration(n) * each) }
}
