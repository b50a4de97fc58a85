// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// errAborted is the error of a write whose connection [Reopener.Abort] ended before it was open.
var errAborted = errors.New("breakerio: reopener: aborted")

// Reopener is an io.Writer to a connection that must be opened, and opened again after it fails: a
// socket, or a file that is rotated. [NewReopener] creates a Reopener.
//
//   - It opens a connection at the first write. After any error it closes and forgets the
//     connection; the next write opens a new one.
//   - It does not close standard output and standard error; neither does a [Writer].
//   - It never repeats a write. The error goes to the [Writer] above, and the record to the
//     fallback.
//   - It is safe for concurrent use. It makes one write at a time.
//
// Opening a socket and writing to it may take minutes if the peer does not answer. Put a [Lane]
// with [WithCloseOnHang] above the Reopener:
//
//	sink := breakerio.NewReopener(dial)
//	lane := breakerio.NewLane(sink, 100*time.Millisecond, breakerio.WithCloseOnHang())
//	w := breakerio.NewWriter(b, lane, os.Stderr)
//
// A successful write to a TCP connection means that the kernel has the record, not that the peer
// has it. Records written just before a connection fails are lost. If that matters, make the
// connection's Write wait for an acknowledgment.
type Reopener struct {
	open         func(ctx context.Context) (io.WriteCloser, error)
	writeTimeout time.Duration

	mu      sync.Mutex
	current *session // nil: the next write starts one
	closed  bool
}

// session is one connection, from the dial to its end. The Reopener's mu guards conn and the end.
type session struct {
	turn   chan struct{} // of capacity 1: held by the write in progress
	ended  chan struct{} // closed when the connection is given up and ctx canceled
	ctx    context.Context
	cancel context.CancelFunc
	conn   io.WriteCloser // nil until it is open
}

// ReopenOption configures a [Reopener]. If an option is repeated, the last one wins.
type ReopenOption func(*Reopener)

// WithWriteTimeout limits each write to d if the connection has the method SetWriteDeadline. It
// does not limit the time to open: use the Timeout of a [net.Dialer] for that. By default, and if d
// is 0 or less, there is no limit.
func WithWriteTimeout(d time.Duration) ReopenOption {
	return func(r *Reopener) { r.writeTimeout = d }
}

// NewReopener returns a Reopener that calls open when it needs a connection. The context passed to
// open is canceled when the connection is given up because of an error, Abort or Close; open must
// then return soon. NewReopener panics if open is nil.
func NewReopener(
	open func(ctx context.Context) (io.WriteCloser, error), opts ...ReopenOption,
) *Reopener {
	if open == nil {
		panic("breakerio: NewReopener needs an open function")
	}
	r := &Reopener{open: open}
	for _, opt := range opts {
		opt(r)
	}
	return r
}

// Write writes p to the connection, and opens one first if there is none. If the connection takes
// less than p without an error, Write returns [io.ErrShortWrite] and the connection has failed.
// After Close it returns [fs.ErrClosed].
func (r *Reopener) Write(p []byte) (n int, err error) {
	s, err := r.begin()
	if err != nil {
		return 0, err
	}
	healthy := false
	defer func() {
		if !healthy { // an error, a panic, or the end of the goroutine
			_ = r.end(s)
		}
		<-s.turn
	}()
	conn, err := r.connect(s)
	if err != nil {
		return 0, err
	}
	if err := r.setDeadline(conn); err != nil {
		return 0, err
	}
	n, err = conn.Write(p)
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	healthy = err == nil
	return n, err
}

// begin returns the current session once this write has its turn.
func (r *Reopener) begin() (*session, error) {
	for {
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			return nil, fs.ErrClosed
		}
		if r.current == nil {
			s := &session{turn: make(chan struct{}, 1), ended: make(chan struct{})}
			s.ctx, s.cancel = context.WithCancel(context.Background())
			r.current = s
		}
		s := r.current
		r.mu.Unlock()

		select {
		case s.turn <- struct{}{}:
			if s.ctx.Err() == nil {
				return s, nil
			}
			<-s.turn
		case <-s.ended: // a write that is stuck in the old session does not block this one
		}
	}
}

// connect returns the session's connection and opens it if necessary. The caller has the turn.
func (r *Reopener) connect(s *session) (io.WriteCloser, error) {
	r.mu.Lock()
	conn := s.conn
	r.mu.Unlock()
	if conn != nil {
		return conn, nil
	}
	conn, err := r.open(s.ctx)
	if err == nil && conn == nil {
		err = errors.New("no connection")
	}
	r.mu.Lock()
	aborted, closed := s.ctx.Err() != nil, r.closed
	if err == nil && !aborted {
		s.conn = conn
	}
	r.mu.Unlock()
	if err == nil && aborted {
		_ = closeSink(conn)
	}
	switch {
	case closed:
		return nil, fs.ErrClosed
	case aborted: // the error of open says only that it was canceled
		return nil, errAborted
	case err != nil:
		return nil, fmt.Errorf("breakerio: reopener: open: %w", err)
	}
	return conn, nil
}

// setDeadline does nothing for a connection without deadlines, such as a regular file.
func (r *Reopener) setDeadline(conn io.WriteCloser) error {
	d, ok := conn.(interface{ SetWriteDeadline(t time.Time) error })
	if !ok || r.writeTimeout <= 0 {
		return nil
	}
	err := d.SetWriteDeadline(time.Now().Add(r.writeTimeout))
	if err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return err
	}
	return nil
}

// end ends a session. It does not wait for a write in progress.
func (r *Reopener) end(s *session) error {
	r.mu.Lock()
	if r.current == s {
		r.current = nil
	}
	conn := s.conn
	s.conn = nil
	if s.ctx.Err() == nil {
		s.cancel()
		close(s.ended)
	}
	r.mu.Unlock()
	if conn == nil {
		return nil
	}
	return closeSink(conn)
}

// Abort cancels a call of open or closes the connection, without waiting for a write in progress.
// The next write opens a new connection. Abort does nothing if there is no connection.
func (r *Reopener) Abort() {
	r.mu.Lock()
	s := r.current
	r.mu.Unlock()
	if s != nil {
		_ = r.end(s)
	}
}

// Close rejects all further writes with [fs.ErrClosed] and closes the connection, without waiting
// for a write in progress. A second Close returns fs.ErrClosed.
func (r *Reopener) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return fs.ErrClosed
	}
	r.closed = true
	s := r.current
	r.mu.Unlock()
	if s == nil {
		return nil
	}
	return r.end(s)
}
