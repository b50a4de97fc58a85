// SPDX-License-Identifier: Apache-2.0

// Package file has the limit: a bare file of lines. It has no checksums, forgets all records at
// once, and cannot say how far it was read.
package file

import (
	"bufio"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Queue is the file.
var Queue = scenario.Queue{Name: "file", Open: open}

func open(dir string, durable bool) (scenario.OpenQueue, error) {
	const flags = os.O_RDWR | os.O_CREATE | os.O_APPEND
	f, err := os.OpenFile(filepath.Join(filepath.Clean(dir), "queue.log"), flags, 0o600)
	if err != nil {
		return nil, err
	}
	return queue{f, durable}, nil
}

type queue struct {
	*os.File
	durable bool
}

func (q queue) Append(record []byte) error {
	_, err := q.Write(record)
	if err == nil && q.durable {
		err = q.Sync()
	}
	return err
}

func (q queue) Fill(n int, record []byte) error { return scenario.FillByAppending(q, n, record) }

func (q queue) Drain(sink io.Writer, batches bool) error {
	if _, err := q.Seek(0, io.SeekStart); err != nil {
		return err
	}
	batch := scenario.Batch{Sink: sink, Whole: batches}
	lines := bufio.NewReaderSize(q.File, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if _, err := batch.Write(line); err != nil {
			return err
		}
	}
	if err := batch.Flush(); err != nil {
		return err
	}
	return q.Truncate(0)
}
