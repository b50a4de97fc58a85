// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"context"
	"errors"
	"io"

	"github.com/sinkguard/go-atomicbreaker/internal/guard"
)

// ErrBusy is the reason of records that go to the fallback because the sink has too much to do. It says
// nothing about the sink, and does not count as a failure.
var ErrBusy = errors.New("breakerio: the sink is busy")

// busy writes p to the fallback, for the reason Busy.
func (w *Writer) busy(p []byte) (int, error) {
	return written(p, w.guard.Busy(guard.Bytes{P: p, Fallback: w.fallback}, ErrBusy))
}

// countLate counts a write that is still under way while its records are in the fallback.
func (w *Writer) countLate() { w.guard.CountLate() }

// serialize makes w call its fallback from one goroutine at a time.
func (w *Writer) serialize() {
	if _, done := w.fallback.(*serial); !done && w.fallback != nil {
		w.fallback = &serial{w.fallback, make(chan struct{}, 1)}
	}
}

// serial is a writer that is called by one goroutine at a time. The channel is a mutex; unlike one of
// package sync it counts as idle in virtual time.
type serial struct {
	io.Writer
	turn chan struct{}
}

func (s *serial) do(f func() error) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return f()
}

func (s *serial) Write(p []byte) (n int, err error) {
	err = s.do(func() error {
		n, err = s.Writer.Write(p)
		return err
	})
	return n, err
}

func (s *serial) Sync() error  { return s.do(func() error { return syncIt(s.Writer) }) }
func (s *serial) Close() error { return s.do(func() error { return closeIt(s.Writer) }) }

// Shutdown closes the primary and then the fallback. It waits for the primary until ctx ends.
func (w *Writer) Shutdown(ctx context.Context) error {
	closed := make(chan error, 1)
	go func() { closed <- closeIt(w.primary) }()
	var err error
	select {
	case err = <-closed:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return errors.Join(err, closeIt(w.fallback))
}
