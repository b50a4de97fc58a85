// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bytes"
	"io"
)

// These are the scenarios of the Batcher. The sink takes everything at no cost.
const (
	BatchRecord   Scenario = "Batch/record=200/goroutines=1" // an io.Writer, a record of 200 bytes
	BatchRecord64 Scenario = "Batch/record=200/goroutines=64"
	SlogBatch     Scenario = "Batch/logger=slog/goroutines=1" // a log call, as in SlogDiscard
)

// RecordSize is the size of a record, with its newline.
const RecordSize = 200

// NewRecord returns a record.
func NewRecord() []byte { return append(bytes.Repeat([]byte("x"), RecordSize-1), '\n') }

// BatchLoops returns the loops of a batcher. open returns a new one.
func BatchLoops(open func() io.Writer) Loops {
	return Loops{
		BatchRecord:   func() Loop { return batchLoop(open()) },
		BatchRecord64: func() Loop { return batchLoop(open()) },
		SlogBatch:     func() Loop { return SlogLoop(open()) },
	}
}

//go:noinline
func batchLoop(w io.Writer) Loop {
	record := NewRecord()
	return func(n int) {
		for range n {
			if _, err := w.Write(record); err != nil {
				panic(Failed)
			}
		}
	}
}
