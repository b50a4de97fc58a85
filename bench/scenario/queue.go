// SPDX-License-Identifier: Apache-2.0

package scenario

import "io"

// These are the scenarios of a queue on disk. An append is one record of RecordSize bytes, which
// survives the death of the process.
const (
	QueueAppend  Scenario = "Queue/op=append/sync=never"
	QueueAppend2 Scenario = "Queue/op=append/sync=never/goroutines=2" // each appends half of them
)

// QueueBatch is the size of the writes in which a queue is read, unless record by record.
const QueueBatch = 256 << 10

// Queue is a kind of queue on disk.
type Queue struct {
	Name string

	// Open opens the queue in a directory. With durable, a record survives a loss of power when
	// Append returns.
	Open func(dir string, durable bool) (OpenQueue, error)
}

// OpenQueue is a queue that is open. Calls through the interface are part of what is measured: some
// nanoseconds of a microsecond.
type OpenQueue interface {
	// Append appends one record. It is safe for concurrent use.
	Append(record []byte) error

	// Fill appends n records in the fastest way that the queue has.
	Fill(n int, record []byte) error

	// Drain writes all records to sink, oldest first, and forgets them. A write is one record, or
	// whole records of up to QueueBatch bytes.
	Drain(sink io.Writer, batches bool) error

	Close() error
}

// Subject returns the queue with the loops that append.
func (q Queue) Subject() Subject {
	return Subject{Name: q.Name, Loops: Loops{
		QueueAppend: func() Loop { return AppendLoop(q.MustOpen(false)) },
		QueueAppend2: func() Loop {
			loop := AppendLoop(q.MustOpen(false))
			return func(n int) { Spread(loop, n, 2, func() {}) }
		},
	}}
}

// MustOpen opens an empty queue.
func (q Queue) MustOpen(durable bool) OpenQueue {
	dir, err := Scratch()
	if err != nil {
		panic(err)
	}
	open, err := q.Open(dir, durable)
	if err != nil {
		panic(err)
	}
	return open
}

// AppendLoop appends one record after another.
//
//go:noinline
func AppendLoop(q OpenQueue) Loop {
	record := NewRecord()
	return func(n int) {
		for range n {
			if err := q.Append(record); err != nil {
				panic(err)
			}
		}
	}
}

// FillByAppending is a Fill for a queue that has no faster way than Append.
func FillByAppending(q OpenQueue, n int, record []byte) error {
	for range n {
		if err := q.Append(record); err != nil {
			return err
		}
	}
	return nil
}

// Batch collects records for a Drain.
type Batch struct {
	Sink  io.Writer
	Whole bool // writes of up to QueueBatch bytes
	buf   []byte
}

// Write takes one record.
func (b *Batch) Write(record []byte) (int, error) {
	if !b.Whole {
		return b.Sink.Write(record)
	}
	if len(b.buf)+len(record) > QueueBatch {
		if err := b.Flush(); err != nil {
			return 0, err
		}
	}
	b.buf = append(b.buf, record...)
	return len(record), nil
}

// Flush writes what is left.
func (b *Batch) Flush() error {
	if len(b.buf) == 0 {
		return nil
	}
	_, err := b.Sink.Write(b.buf)
	b.buf = b.buf[:0]
	return err
}
