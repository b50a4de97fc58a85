// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// ErrHung matches the error of a [Lane] whose sink did not answer within the timeout. It is a
// failure of the sink, and the record goes to the fallback. Test for it with [errors.Is].
var ErrHung = errors.New("sink hangs")

// laneError is an error of a Lane. Each lane makes its errors in advance, because callers that find
// it busy must not allocate.
type laneError struct {
	text string
	is   error
}

func newLaneError(is error, format string, args ...any) *laneError {
	return &laneError{fmt.Sprintf("breakerio: "+format, args...), is}
}

func (e *laneError) Error() string { return e.text }
func (e *laneError) Unwrap() error { return e.is }

// Lane is an io.Writer in front of a sink that may hang. It calls the sink on separate goroutines,
// so that a caller waits for a limited time. Use it as the primary of a [Writer]. [NewLane] creates
// a Lane and Close ends it.
//
//   - A Lane is safe for concurrent use. The sink gets one call at a time, or as many as
//     [WithWidth] allows.
//   - Write waits for its turn and then for the sink, in each case for at most the timeout. It
//     returns the sink's result, [ErrHung] or [ErrBusy].
//   - Write returns ErrHung at most once per timeout, so a hang of k timeouts is at most k
//     failures, however many goroutines log. While every slot is stuck, all other writes return
//     ErrBusy without waiting.
//   - A stuck write keeps one goroutine and one copy of a record, and reduces the width by one
//     until the sink returns. It then counts in [Lane.Late], because the record may also be in the
//     fallback. If the sink took only a part of a line, the Lane adds a newline before the next
//     record.
//   - A panic of the sink continues in the caller. In a late write it is discarded.
//   - Every record is copied. In the steady state nothing is allocated.
type Lane struct {
	lane    *lane // the goroutines refer only to this part, so that a Lane can be collected
	cleanup runtime.Cleanup
}

// LaneOption configures a [Lane]. If an option is repeated, the last one wins.
type LaneOption func(*laneConfig)

type laneConfig struct {
	timeout     time.Duration
	syncTimeout time.Duration
	width       int
	keep        int // a slot releases a buffer with more than this capacity
	closeOnHang bool
}

// WithWidth sets how many calls of the sink may be in progress at the same time. The default is 1.
// Use a larger width only for sinks that are safe for concurrent use. [NewLane] panics if n is less
// than 1.
func WithWidth(n int) LaneOption {
	return func(c *laneConfig) { c.width = n }
}

// WithSyncTimeout sets how long Sync waits for its turn and then for the sink, and how long Close
// waits for the sink's Close. The default is the lane's timeout, but at least 5 s. [NewLane] panics
// if d is not positive.
func WithSyncTimeout(d time.Duration) LaneOption {
	return func(c *laneConfig) { c.syncTimeout = d }
}

// WithCloseOnHang makes the lane abort a sink that hangs. On a separate goroutine it calls the
// sink's Abort method, or Close if the sink has no Abort. Use it for sinks whose Write returns when
// they are closed. A [Reopener] opens a new connection after an Abort. A sink that has only Close
// stays closed, and [Lane.Close] does not close it again.
//
// [NewLane] panics if the width is more than 1, because the abort would end healthy writes too.
func WithCloseOnHang() LaneOption {
	return func(c *laneConfig) { c.closeOnHang = true }
}

// WithKeptBuffer sets the size in bytes up to which a slot reuses its buffer for the next record.
// The default is 64 KiB. At 0 or less, a slot keeps no buffer.
func WithKeptBuffer(bytes int) LaneOption {
	return func(c *laneConfig) { c.keep = bytes }
}

// NewLane returns a Lane to w. It panics if w is nil, if timeout is not positive, or if an option
// is out of range.
//
// A Lane that becomes unreachable without Close ends its goroutines and leaves w open.
func NewLane(w io.Writer, timeout time.Duration, opts ...LaneOption) *Lane {
	if w == nil || timeout <= 0 {
		panic("breakerio: NewLane needs a writer and a positive timeout")
	}
	config := laneConfig{
		timeout: timeout, syncTimeout: max(timeout, 5*time.Second), width: 1, keep: 64 << 10,
	}
	for _, opt := range opts {
		opt(&config)
	}
	switch {
	case config.width < 1:
		panic("breakerio: WithWidth needs at least 1")
	case config.syncTimeout <= 0:
		panic("breakerio: WithSyncTimeout needs a positive duration")
	case config.closeOnHang && config.width > 1:
		panic("breakerio: WithCloseOnHang needs a width of 1")
	}
	l := &Lane{lane: &lane{
		laneConfig: config,
		sink:       w,
		quiet:      make(chan struct{}),
		sinkClosed: make(chan result, 1),

		hung:     newLaneError(ErrHung, "lane: sink did not answer within %v", config.timeout),
		syncHung: newLaneError(ErrHung, "lane: sink did not answer within %v", config.syncTimeout),
		unclosed: newLaneError(ErrHung, "lane: sink not closed yet: a call hangs"),
		busy:     newLaneError(ErrBusy, "lane of width %d: sink busy", config.width),
	}}
	l.cleanup = runtime.AddCleanup(l, (*lane).drop, l.lane)
	return l
}

// Write writes a copy of p to the sink and returns the sink's result. It returns [ErrHung] or
// [ErrBusy] if the sink did not take p in time, and [fs.ErrClosed] after Close.
func (l *Lane) Write(p []byte) (int, error) {
	n, err := l.lane.do(jobWrite, p, l.lane.timeout)
	runtime.KeepAlive(l)
	return n, err
}

// Sync calls the sink's Sync method, if there is one. It returns [ErrBusy] if it did not get its
// turn within the timeout that [WithSyncTimeout] sets, and [ErrHung] if the sink did not answer
// within that timeout. At width 1, a write that arrives during a Sync waits for its turn for at
// most the lane's timeout, and then returns ErrBusy. A Sync that exceeds its timeout leaves its
// slot stuck, like a write that does. At width 1, the next write then returns ErrHung.
func (l *Lane) Sync() error {
	_, err := l.lane.do(jobSync, nil, l.lane.syncTimeout)
	runtime.KeepAlive(l)
	return err
}

// Close rejects new calls, and those that wait for their turn, with [fs.ErrClosed]. It waits for
// the calls in progress and closes the sink if it is an [io.Closer]. It does not wait for a stuck
// call: it returns [ErrHung], and the sink is closed when the last stuck call returns. Close also
// returns ErrHung if the sink's Close exceeds the timeout of Sync. A second Close returns
// fs.ErrClosed.
func (l *Lane) Close() error {
	l.cleanup.Stop()
	return l.lane.close()
}

// Late returns how many writes have finished, successfully or not, after their callers gave up.
func (l *Lane) Late() uint64 { return l.lane.late.Load() }

// GuardedBy reports whether b guards the sink already: see [guard.IsGuardedBy].
func (l *Lane) GuardedBy(b *atomicbreaker.Breaker) bool { return guard.IsGuardedBy(l.lane.sink, b) }

// probe starts a write of a copy of p for which no caller waits. It returns false if the write
// cannot start because no slot is free or the lane is closed. Otherwise it calls done once, on a
// separate goroutine: with the sink's result after the slot is free again, with ErrHung or ErrBusy
// if there is no result within the timeout, or with ErrHung if every slot is stuck and this call is
// the one that reports it.
//
// The lane repairs a line that a probe tears; the n passed to done is only for counting.
func (l *Lane) probe(p []byte, done func(n int, err error)) bool {
	started := l.lane.probe(p, done)
	runtime.KeepAlive(l)
	return started
}
