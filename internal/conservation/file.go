// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// bad marks a record that makes every file panic.
const bad = "!"

// File is a sink of lines. Each write takes the next step of its script, and succeeds once the
// script is over. The file remembers every call. It stands for one file, or for all connections to
// one peer.
type File struct {
	tick func() int64

	mu          sync.Mutex
	script      []fileStep
	dials       []fileStep
	calls       []*call // in the order of their ends
	connections int     // number opened so far
	open        int     // number of open ones
	dialsHung   int
	closed      bool
	closes      int
	closedAt    int64
	closeHangs  bool
	breaches    []string
}

// call is one call of Write.
type call struct {
	connection int
	text       string // without a newline before it
	repairs    bool   // there was a newline before it
	kept       int    // bytes that are in the file, that newline included
	whole      bool   // returned len(p) and no error
	lied       bool   // returned a result that violates io.Writer
	hung       bool
	began      time.Time
	until      time.Time
	ended      int64
}

// beside reports whether two calls overlapped, at one instant of virtual time included.
func (c *call) beside(other *call) bool {
	return !c.began.After(other.until) && !other.began.After(c.until)
}

// stored returns the part of the text that is in the file.
func (c *call) stored() string {
	if c.repairs {
		return c.text[:max(0, c.kept-1)]
	}
	return c.text[:c.kept]
}

// torn reports whether the file returned that it took part of the text.
func (c *call) torn() bool { return !c.whole && !c.lied && c.stored() != "" }

// raw returns the bytes that are in the file.
func (c *call) raw() string {
	if c.repairs {
		return ("\n" + c.text)[:c.kept]
	}
	return c.text[:c.kept]
}

// Write implements [io.Writer].
func (f *File) Write(p []byte) (int, error) { return f.write(0, nil, p) }

func (f *File) write(connection int, closed <-chan struct{}, p []byte) (n int, err error) {
	before := bytes.Clone(p)
	defer func() {
		if !bytes.Equal(before, p) {
			f.breach("%q became %q while it was being written", before, p)
		}
	}()
	text, repairs := strings.CutPrefix(string(p), "\n")
	c := &call{connection: connection, text: text, repairs: repairs, began: time.Now()}
	do := f.next(&f.script)
	if do.hangs {
		c.hung = true
		hang(closed)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c.ended, c.until = f.tick(), time.Now()
	f.calls = append(f.calls, c)
	if f.closed || ended(closed) {
		return 0, fs.ErrClosed
	}
	n, err = do.perform(c, len(p))
	c.whole = n == len(p) && err == nil
	return n, err
}

// perform executes the step and records what the file keeps.
func (do fileStep) perform(c *call, size int) (int, error) {
	if strings.Contains(c.text, bad) {
		panic(broken)
	}
	part := do.at % size
	switch do.act {
	case takes:
		c.kept = size
		return size, nil
	case short:
		c.kept = part
		return part, nil
	case tears:
		c.kept = part
		return part, errDown
	case lies:
		c.lied = true
		if part%3 == 0 {
			return -1, errDown
		}
		c.kept = size
		return size + part%3 - 1, errDown
	case tooLarge:
		return 0, errTooLarge
	case busy:
		return 0, fmt.Errorf("no time: %w", breakerio.ErrBusy)
	case canceled:
		return 0, fmt.Errorf("gave up: %w", context.Canceled)
	case panics:
		panic(broken)
	case exits:
		runtime.Goexit()
	case fails:
	}
	return 0, errDown
}

// hang waits for a long time, or until the connection is closed.
func hang(closed <-chan struct{}) {
	late := time.NewTimer(hangTime)
	defer late.Stop()
	select {
	case <-closed:
	case <-late.C:
	}
}

func ended(closed <-chan struct{}) bool {
	select {
	case <-closed:
		return true
	default:
		return false
	}
}

// next returns the next step of a script.
func (f *File) next(script *[]fileStep) (do fileStep) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(*script) > 0 {
		do, *script = (*script)[0], (*script)[1:]
	}
	return do
}

// Sync fails, as it does for a terminal.
func (f *File) Sync() error { return errDown }

// Close closes the file, which takes nothing after that.
func (f *File) Close() error {
	if f.closeHangs {
		hang(nil)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.closes++
	f.closedAt = f.tick()
	return nil
}

// connection is one connection to a file.
type connection struct {
	file   *File
	id     int
	once   sync.Once
	closed chan struct{}
}

// dial opens a connection. A dial that hangs fails in the end, because the peer does not answer.
func (f *File) dial(ctx context.Context) (io.WriteCloser, error) {
	do := f.next(&f.dials)
	switch {
	case do.hangs:
		f.mu.Lock()
		f.dialsHung++
		f.mu.Unlock()
		hang(ctx.Done())
		return nil, errDown
	case do.act == panics:
		panic(broken)
	case do.act != takes && do.at%2 == 0:
		return nil, errDown
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.connections++
	f.open++
	return &connection{file: f, id: f.connections, closed: make(chan struct{})}, nil
}

func (c *connection) Write(p []byte) (int, error) { return c.file.write(c.id, c.closed, p) }

func (c *connection) Close() error {
	err := fs.ErrClosed
	c.once.Do(func() {
		err = nil
		close(c.closed)
		c.file.mu.Lock()
		defer c.file.mu.Unlock()
		c.file.open--
	})
	return err
}

// mend makes all further writes succeed.
func (f *File) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script, f.dials = nil, nil
}

// hung returns the number of writes that hung, including those whose connection was being opened.
func (f *File) hung() (n uint64) {
	for _, c := range f.calls {
		if c.hung {
			n++
		}
	}
	return n + uint64(f.dialsHung)
}

// count returns the number of calls for which which returns true.
func (f *File) count(which func(*call) bool) (n uint64) {
	for _, c := range f.calls {
		if which(c) {
			n++
		}
	}
	return n
}

// read returns the contents of the file, connection by connection. glued reports whether the second
// of two writes may begin on the line that the first has cut; read then adds a newline there that
// is not in the file.
func (f *File) read(glued func(cut, next *call) bool) (texts []string) {
	var text strings.Builder
	ordered := slices.Clone(f.calls)
	slices.SortStableFunc(ordered, func(a, b *call) int { return a.connection - b.connection })
	var cut *call // the last one, if it ended in the middle of a line
	for i, c := range ordered {
		if i > 0 && c.connection != ordered[i-1].connection {
			texts = append(texts, text.String())
			text.Reset()
			cut = nil
		}
		raw := c.raw()
		if raw == "" {
			continue
		}
		if cut != nil && raw[0] != '\n' && glued(cut, c) {
			text.WriteByte('\n')
		}
		text.WriteString(raw)
		if cut = c; strings.HasSuffix(raw, "\n") {
			cut = nil
		}
	}
	return append(texts, text.String())
}

func (f *File) breach(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.breaches = append(f.breaches, fmt.Sprintf(format, args...))
}
