// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// CloseTimeout is how long Close of an adapter waits.
const CloseTimeout = 5 * time.Second

// grace is the extra time for a side that could not start closing before the context ended: for the
// primary if the context had ended before Shutdown, and for the fallback if the primary was still
// closing.
const grace = 100 * time.Millisecond

// closing is the state of Shutdown.
type closing struct {
	once                      sync.Once
	primaryDone, fallbackDone chan struct{}
	primary, fallback         error // valid once the side's channel is closed
}

// Closed reports whether Shutdown has been called. It costs one atomic load.
func (g *Guard[R]) Closed() bool { return g.flags.Load()&flagClosed != 0 }

// Refusal returns the error of a write after Shutdown. It matches [fs.ErrClosed].
func (g *Guard[R]) Refusal() error { return g.refusal }

// Shutdown rejects all further records, calls the two functions, which close the primary and then
// the fallback, and returns their errors. It closes the fallback once the primary is closed or ctx
// has ended. If ctx cannot end, Shutdown waits for the primary for at most CloseTimeout. A side
// that could not start closing before ctx ended gets another 100 ms. Work that is not finished by
// then continues in the background, and the error names the side.
//
// Each function is called once. Later calls wait for the first one.
func (g *Guard[R]) Shutdown(ctx context.Context, primary, fallback func() error) error {
	e := &g.closing
	e.once.Do(func() {
		e.primaryDone, e.fallbackDone = make(chan struct{}), make(chan struct{})
		g.flags.Or(flagClosed)
		go e.run(ctx, primary, fallback)
	})
	defer g.reporter.flush()
	if !e.wait(ctx.Done()) {
		last := time.NewTimer(2 * grace)
		defer last.Stop()
		select {
		case <-e.fallbackDone:
		case <-last.C:
		}
	}
	still := func(which string) error {
		return fmt.Errorf("%s: %q: %s still closing: %w",
			g.options.Adapter, g.breaker.Name(), which, ctx.Err())
	}
	switch primary, fallback := isClosed(e.primaryDone), isClosed(e.fallbackDone); {
	case primary && fallback:
		return errors.Join(e.primary, e.fallback)
	case primary:
		return errors.Join(e.primary, still("fallback"))
	case fallback:
		return errors.Join(still("primary"), e.fallback)
	default:
		return still("primary and fallback")
	}
}

// wait waits for both sides. It returns false if ended is closed first.
func (e *closing) wait(ended <-chan struct{}) bool {
	for _, done := range []chan struct{}{e.primaryDone, e.fallbackDone} {
		select {
		case <-done:
		case <-ended:
			return false
		}
	}
	return true
}

func isClosed(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func (e *closing) run(ctx context.Context, primary, fallback func() error) {
	ended, limit := ctx.Done(), time.Duration(math.MaxInt64)
	switch {
	case ended == nil:
		limit = CloseTimeout
	case ctx.Err() != nil:
		ended, limit = nil, grace
	}
	bound := time.NewTimer(limit)
	defer bound.Stop()
	go func() {
		defer close(e.primaryDone)
		e.primary = errUnwound // unless it returns
		e.primary = Contain(primary)
	}()
	select {
	case <-e.primaryDone:
	case <-ended:
	case <-bound.C:
	}
	defer close(e.fallbackDone)
	e.fallback = errUnwound
	e.fallback = Contain(fallback)
}

// Sync calls SyncFallback and SyncPrimary and joins their errors.
func (g *Guard[R]) Sync(primary, fallback func() error) error {
	if g.Closed() {
		return g.refusal
	}
	err := g.SyncFallback(fallback)
	if e := g.SyncPrimary(primary); e != nil {
		err = errors.Join(e, err)
	}
	return err
}

// SyncPrimary calls sync if the breaker is closed. Otherwise it does nothing, because the primary
// might hang. Its error does not count as a failure, because Sync of a terminal fails even though
// the terminal is healthy. After Shutdown the error is that of Refusal.
func (g *Guard[R]) SyncPrimary(sync func() error) error {
	if g.Closed() {
		return g.refusal
	}
	if s := g.breaker.State(); s == atomicbreaker.Closed || s == atomicbreaker.ForcedClosed {
		return Contain(sync)
	}
	return nil
}

// SyncFallback calls sync in every state of the breaker. After Shutdown the error is that of
// Refusal.
func (g *Guard[R]) SyncFallback(sync func() error) error {
	if g.Closed() {
		return g.refusal
	}
	return Contain(sync)
}

// Contain calls f and returns its error. It recovers from a panic in f and returns it as an error.
func Contain(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = unwoundBy(v)
		}
	}()
	return f()
}

// CloseSink closes sink if it is an [io.Closer], and otherwise calls SyncSink. It ignores nil,
// standard output and standard error: os.Stdout, os.Stderr, and any sink whose Fd method returns 1
// or 2.
func CloseSink(sink any) error {
	if sink == nil || isStandard(sink) {
		return nil
	}
	if c, ok := sink.(io.Closer); ok {
		return c.Close()
	}
	return SyncSink(sink)
}

// SyncSink calls the Sync method of sink or, if it has none, its Flush method. It does nothing if
// sink has neither.
func SyncSink(sink any) error {
	switch s := sink.(type) {
	case interface{ Sync() error }:
		return s.Sync()
	case interface{ Flush() error }:
		return s.Flush()
	}
	return nil
}

func isStandard(sink any) bool {
	switch s := sink.(type) {
	case *os.File:
		return s == os.Stdout || s == os.Stderr || hasDescriptor(s, 1) || hasDescriptor(s, 2)
	case interface{ Fd() uintptr }:
		fd := s.Fd()
		return fd == 1 || fd == 2
	}
	return false
}

// IsStderr reports whether sink is os.Stderr.
func IsStderr(sink any) bool {
	f, ok := sink.(*os.File)
	return ok && (f == os.Stderr || hasDescriptor(f, 2))
}

// hasDescriptor avoids the Fd method, which may disable the deadlines of a file.
func hasDescriptor(f *os.File, want uintptr) (same bool) {
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	_ = conn.Control(func(fd uintptr) { same = fd == want })
	return same
}
