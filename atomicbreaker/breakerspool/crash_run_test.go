// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// crashRecord is a line that a program wrote, and what it knows about it.
type crashRecord struct {
	line     string
	segment  int  // the file that holds it
	refused  bool // Write returned an error
	appended bool // Write returned without an error
	durable  bool // and the record must survive a loss of power
	unsure   bool // a sync of it failed
	taken    bool // the sink took it
	inSink   bool // in this process, and the spool may not have written so
	settled  bool // the spool has written so
	synced   bool // and made that durable
	deleted  bool // its segment is deleted
	erased   bool // and that is durable
}

// crashLog is the knowledge about all lines, in the order in which they were written.
type crashLog []crashRecord

// crashEvent is an operation of the disk, or a change of the knowledge.
type crashEvent struct {
	op   fakeOp
	note func(crashLog) crashLog // nil for an operation
}

// crashRun runs a program on a fake disk and records what happens.
type crashRun struct {
	t      *testing.T
	config config
	disk   *fakeDisk
	spool  *Spool
	log    crashLog
	trace  []crashEvent
	faulty bool // operations fail
	lost   bool // a file's sync failed
}

func (r *crashRun) note(f func(crashLog) crashLog) {
	r.log = f(r.log)
	r.trace = append(r.trace, crashEvent{note: f})
}

// observed is called before each operation of the disk.
func (r *crashRun) observed(o fakeOp) {
	if o.kind == opRemove && strings.HasSuffix(o.name, segmentSuffix) {
		r.change(func(c crashRecord) bool { return c.segment == o.node }, func(c *crashRecord) { c.deleted = true })
	}
	r.trace = append(r.trace, crashEvent{op: o})
}

// change notes the same change of all lines for which is holds.
func (r *crashRun) change(is func(crashRecord) bool, f func(*crashRecord)) {
	r.note(func(log crashLog) crashLog {
		log = slices.Clone(log)
		for i := range log {
			if is(log[i]) {
				f(&log[i])
			}
		}
		return log
	})
}

// open opens the spool, as a new process does.
func (r *crashRun) open() {
	s, err := load(crashDir, r.config, r.disk)
	require.NoError(r.t, err)
	r.spool = s
	r.change(func(c crashRecord) bool { return c.inSink }, func(c *crashRecord) { c.inSink = false })
}

// write appends one write of some lines. Lines have different lengths.
func (r *crashRun) write(lines int) {
	from := len(r.log)
	var p []byte
	r.note(func(log crashLog) crashLog {
		log = slices.Clone(log)
		for i := from; i < from+lines; i++ {
			log = append(log, crashRecord{line: fmt.Sprintf("%d%s\n", i, strings.Repeat(".", i*5%13))})
		}
		return log
	})
	for _, l := range r.log[from:] {
		p = append(p, l.line...)
	}
	_, err := r.spool.Write(p)
	if !r.faulty {
		require.NoError(r.t, err)
	}
	always, node := r.config.sync.mode == syncAlways, r.disk.lastWritten
	r.note(func(log crashLog) crashLog {
		log = slices.Clone(log)
		for i := from; i < from+lines; i++ {
			log[i].appended, log[i].refused = err == nil, err != nil
			log[i].durable, log[i].segment = err == nil && always, node
		}
		return log
	})
	if r.config.sync.mode == syncInterval && len(r.log)%3 == 0 {
		r.sync() // the interval is over
	}
}

// sync makes everything durable, the acknowledgments too.
func (r *crashRun) sync() {
	if err := r.spool.Sync(); r.faulty && err != nil {
		if r.lost {
			r.change(func(c crashRecord) bool { return !c.durable }, func(c *crashRecord) { c.unsure = true })
		}
		return
	}
	r.change(func(c crashRecord) bool { return c.appended && !c.unsure }, func(c *crashRecord) { c.durable = true })
	r.change(func(c crashRecord) bool { return c.settled }, func(c *crashRecord) { c.synced = true })
	r.change(func(c crashRecord) bool { return c.deleted }, func(c *crashRecord) { c.erased = true })
}

var (
	errCrashSink   = errors.New("sink down")
	errCrashRecord = errors.New("malformed")
)

// crashSink takes some lines, and then fails. It refuses the lines in bad.
type crashSink struct {
	run  *crashRun
	left int
	bad  []int
}

func (s *crashSink) Write(p []byte) (n int, err error) {
	// Replay has written down what this sink took before.
	s.run.settle()
	lines := bytes.SplitAfter(p, []byte{'\n'})
	for _, i := range s.bad {
		if i < len(s.run.log) && bytes.Contains(p, []byte(s.run.log[i].line)) {
			return 0, errCrashRecord
		}
	}
	for _, l := range lines[:len(lines)-1] {
		if s.left == 0 {
			return n, errCrashSink
		}
		s.left--
		n += len(l)
		line := string(l) // the trace is read when Replay has reused the buffer
		s.run.change(func(c crashRecord) bool { return c.line == line }, func(c *crashRecord) {
			c.taken, c.inSink = true, true
		})
	}
	return n, nil
}

func (r *crashRun) settle() {
	r.change(func(c crashRecord) bool { return c.inSink }, func(c *crashRecord) { c.inSink, c.settled = false, true })
}

// replay runs Replay until the sink has taken n lines, or there are no more.
func (r *crashRun) replay(n int, bad []int, opts ...ReplayOption) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error)
	opts = append(opts, WithRecordErrors(func(err error) bool { return errors.Is(err, errCrashRecord) }))
	sink := &crashSink{run: r, left: n, bad: bad}
	s := r.spool
	go func() { done <- s.Replay(ctx, atomicbreaker.MustNew("sink"), sink, opts...) }()
	time.Sleep(time.Second)
	synctest.Wait()
	cancel()
	require.ErrorIs(r.t, <-done, context.Canceled)
	r.settle()
}
