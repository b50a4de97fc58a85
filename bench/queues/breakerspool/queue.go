// SPDX-License-Identifier: Apache-2.0

// Package breakerspool has this library's spool. Replay writes through a breaker and acknowledges
// each write.
package breakerspool

import (
	"context"
	"errors"
	"io"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Queue is the spool.
var Queue = scenario.Queue{Name: "breakerspool", Open: open}

const maxBytes = 4 << 30 // no benchmark writes as much

func open(dir string, durable bool) (scenario.OpenQueue, error) {
	opts := []breakerspool.Option{breakerspool.WithMaxBytes(maxBytes)}
	if durable {
		opts = append(opts, breakerspool.WithSync(breakerspool.SyncAlways))
	}
	s, err := breakerspool.Open(dir, opts...)
	if err != nil {
		return nil, err
	}
	return queue{s}, nil
}

type queue struct{ *breakerspool.Spool }

func (q queue) Append(record []byte) error {
	_, err := q.Write(record)
	return err
}

func (q queue) Fill(n int, record []byte) error { return scenario.FillByAppending(q, n, record) }

// Drain ends Replay at the last record.
func (q queue) Drain(sink io.Writer, batches bool) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var opts []breakerspool.ReplayOption
	if batches {
		opts = append(opts, breakerspool.WithBatch(scenario.QueueBatch))
	}
	bytes := int(q.Stats().Records) * scenario.RecordSize
	if bytes == 0 {
		return nil
	}
	counted := &countedSink{sink, bytes, cancel}
	err := q.Replay(ctx, atomicbreaker.MustNew("bench"), counted, opts...)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// countedSink calls last with the write that brings the last bytes.
type countedSink struct {
	sink  io.Writer
	bytes int
	last  func()
}

func (s *countedSink) Write(p []byte) (int, error) {
	if s.bytes -= len(p); s.bytes <= 0 {
		s.last()
	}
	return s.sink.Write(p)
}
