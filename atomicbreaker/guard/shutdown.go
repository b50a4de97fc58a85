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

// CloseTimeout is how long Close waits.
const CloseTimeout = 5 * time.Second

// grace is what a side still has that could not start before the context ended: the primary if that was
// before Shutdown, and the fallback if the primary was closing until then.
const grace = 100 * time.Millisecond

// ending is the end of a guard.
type ending struct {
	once                      sync.Once
	primaryDone, fallbackDone chan struct{}
	primary, fallback         error // valid once their channel is closed
}

// Closed says whether Shutdown has been called. It is one load.
func (g *Guard[R]) Closed() bool { return g.flags.Load()&flagClosed != 0 }

// Refusal returns the error of a write after Shutdown. It matches [fs.ErrClosed].
func (g *Guard[R]) Refusal() error { return g.refusal }

// Shutdown refuses new records from now on, calls the two functions, which close the primary and then
// the fallback, and returns their errors. The fallback is closed when the primary is closed, when ctx
// ends, or, if ctx cannot end, after CloseTimeout. What is not done when ctx ends goes on by itself, and
// the error says so; a side that could not start before has another 100 ms.
//
// Later calls wait for the first, and the functions are called once.
func (g *Guard[R]) Shutdown(ctx context.Context, primary, fallback func() error) error {
	e := &g.ending
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
		return fmt.Errorf("%s: %q: %s still closing: %w", g.options.Adapter, g.breaker.Name(), which, ctx.Err())
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

// wait waits for both sides. It reports false if ended is closed before.
func (e *ending) wait(ended <-chan struct{}) bool {
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

func (e *ending) run(ctx context.Context, primary, fallback func() error) {
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
		e.primary = Contain(primary)
	}()
	select {
	case <-e.primaryDone:
	case <-ended:
	case <-bound.C:
	}
	defer close(e.fallbackDone)
	e.fallback = Contain(fallback)
}

// Sync is SyncFallback and SyncPrimary, and joins their errors.
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

// SyncPrimary calls sync while the breaker is closed. A primary that is out is left alone, because it
// might hang. An error does not vote: a terminal's Sync fails on a healthy sink. After Shutdown the error
// is that of Refusal.
func (g *Guard[R]) SyncPrimary(sync func() error) error {
	if g.Closed() {
		return g.refusal
	}
	if s := g.breaker.State(); s == atomicbreaker.Closed || s == atomicbreaker.ForcedClosed {
		return Contain(sync)
	}
	return nil
}

// SyncFallback calls sync, whatever the state of the breaker. After Shutdown the error is that of Refusal.
func (g *Guard[R]) SyncFallback(sync func() error) error {
	if g.Closed() {
		return g.refusal
	}
	return Contain(sync)
}

// Contain calls f and makes an error of a panic in it.
func Contain(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = unwoundBy(v)
		}
	}()
	return f()
}

// CloseSink closes a sink that is an [io.Closer], and calls SyncSink for any other. It leaves nil alone,
// and the standard output and error: os.Stdout, os.Stderr and everything whose Fd method returns 1 or 2.
func CloseSink(sink any) error {
	if sink == nil || isStandard(sink) {
		return nil
	}
	if c, ok := sink.(io.Closer); ok {
		return c.Close()
	}
	return SyncSink(sink)
}

// SyncSink calls a sink's Sync method or, where it has none, its Flush method, if it has that.
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

// IsStderr says whether a sink is os.Stderr.
func IsStderr(sink any) bool {
	f, ok := sink.(*os.File)
	return ok && (f == os.Stderr || hasDescriptor(f, 2))
}

// hasDescriptor does not use the Fd method, which may turn off a file's deadlines.
func hasDescriptor(f *os.File, want uintptr) (same bool) {
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	_ = conn.Control(func(fd uintptr) { same = fd == want })
	return same
}
