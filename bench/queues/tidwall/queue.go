// SPDX-License-Identifier: Apache-2.0

// Package tidwall has github.com/tidwall/wal. It has no checksums.
package tidwall

import (
	"io"
	"sync"

	"github.com/tidwall/wal"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Queue is the log.
var Queue = scenario.Queue{Name: "tidwall", Open: open}

func open(dir string, durable bool) (scenario.OpenQueue, error) {
	log, err := wal.Open(dir, &wal.Options{NoSync: !durable, NoCopy: true})
	if err != nil {
		return nil, err
	}
	last, err := log.LastIndex()
	if err != nil {
		return nil, err
	}
	return &queue{log: log, last: last}, nil
}

// queue counts the indexes of the log, as every user must.
type queue struct {
	log  *wal.Log
	mu   sync.Mutex
	last uint64
}

func (q *queue) Append(record []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.log.Write(q.last+1, record); err != nil {
		return err
	}
	q.last++
	return nil
}

func (q *queue) Fill(n int, record []byte) error {
	const atOnce = 1000
	var batch wal.Batch
	for n > 0 {
		part := min(n, atOnce)
		for i := range part {
			batch.Write(q.last+uint64(i)+1, record)
		}
		if err := q.log.WriteBatch(&batch); err != nil {
			return err
		}
		q.last += uint64(part)
		n -= part
	}
	return nil
}

// Drain forgets all records but the last one, which the log always keeps.
func (q *queue) Drain(sink io.Writer, batches bool) error {
	first, err := q.log.FirstIndex()
	if err != nil {
		return err
	}
	batch := scenario.Batch{Sink: sink, Whole: batches}
	for i := max(first, 1); i <= q.last; i++ {
		record, err := q.log.Read(i)
		if err != nil {
			return err
		}
		if _, err := batch.Write(record); err != nil {
			return err
		}
	}
	if err := batch.Flush(); err != nil {
		return err
	}
	if q.last == 0 {
		return nil
	}
	return q.log.TruncateFront(q.last)
}

func (q *queue) Close() error { return q.log.Close() }
