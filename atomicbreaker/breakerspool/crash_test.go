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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

const crashDir = "spool"

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

// crashProgram is a small program.
type crashProgram struct {
	name   string
	limits bool // exceeds a limit
	syncs  bool // calls Sync
	config config
	run    func(r *crashRun)
}

// promises reports whether a record of the program must survive a loss of power.
func (p *crashProgram) promises() bool { return p.config.sync != SyncNever || p.syncs }

func crashPrograms() []crashProgram {
	two := config{segmentBytes: segment.HeaderSize + 2*30} // two or three records a segment
	wide := config{segmentBytes: 4 << 10}
	programs := []crashProgram{
		{name: "segments", config: two, run: func(r *crashRun) {
			for range 5 {
				r.write(1)
			}
		}},
		{name: "reopened", config: two, run: func(r *crashRun) {
			r.write(1)
			r.open()
			r.write(2)
			r.open()
			r.write(1)
			r.open()
		}},
		{name: "partly replayed", config: wide, run: func(r *crashRun) {
			for range 3 {
				r.write(1)
			}
			r.replay(2, nil)
			r.write(1)
			r.replay(1, nil)
		}},
		{name: "replayed, one write at a time", config: two, run: func(r *crashRun) {
			for range 5 {
				r.write(1)
			}
			r.replay(9, nil)
			r.write(1)
		}},
		{name: "replayed in batches", config: two, run: func(r *crashRun) {
			for range 5 {
				r.write(1)
			}
			r.replay(3, nil, WithBatch(40))
			r.write(1)
			r.replay(9, nil, WithBatch(1000))
		}},
		{name: "taken in the middle of a frame", config: wide, run: func(r *crashRun) {
			r.write(3)
			r.replay(1, nil)
			r.write(2)
			r.replay(3, nil)
			r.open()
			r.write(1)
		}},
		{name: "emptied and reopened", config: two, run: func(r *crashRun) {
			for range 3 {
				r.write(1)
			}
			r.replay(3, nil)
			r.open()
			r.write(1)
			r.replay(1, nil)
			r.open()
			r.write(1)
		}},
		{name: "acknowledged and synced", syncs: true, config: wide, run: func(r *crashRun) {
			r.write(1)
			r.write(1)
			r.replay(1, nil)
			r.sync()
			r.open()
			r.write(1)
			r.replay(1, nil)
			r.sync()
			r.write(1)
		}},
		{name: "killed and synced by the next process", syncs: true, config: two, run: func(r *crashRun) {
			r.write(1)
			r.write(2)
			r.write(1)
			r.open()
			r.sync()
			r.write(1)
		}},
		{name: "synced again and again", syncs: true, config: two, run: func(r *crashRun) {
			for range 3 { // the last one is in a new segment
				r.write(1)
				r.sync()
			}
			r.sync()
		}},
		{name: "log begun anew", syncs: true, config: wide, run: func(r *crashRun) {
			for range 3 {
				r.write(1)
			}
			r.replay(1, nil)
			r.sync()
			r.growLog()
			r.open()
			r.write(1)
			r.replay(2, nil)
		}},
		{name: "set aside", config: two, run: func(r *crashRun) {
			r.write(1)
			r.write(3)
			r.write(1)
			r.replay(9, []int{0, 2})
			r.write(1)
		}},
		{
			name: "over the limit", limits: true,
			config: config{segmentBytes: segment.HeaderSize + 2*30, maxBytes: ackReserve + 300},
			run: func(r *crashRun) {
				for range 7 {
					r.write(1)
				}
			},
		},
		{
			name: "over the limit after a replay", limits: true,
			config: config{segmentBytes: segment.HeaderSize + 2*30, maxBytes: ackReserve + 300},
			run: func(r *crashRun) {
				for range 4 {
					r.write(1)
				}
				r.replay(1, nil)
				for range 3 {
					r.write(1)
				}
				r.open()
				r.write(1)
			},
		},
	}
	for n := range 4 {
		programs = append(programs, crashProgram{name: fmt.Sprintf("%d records", n+1), config: wide, run: func(r *crashRun) {
			for range n + 1 {
				r.write(1)
			}
		}})
	}
	return programs
}

// growLog makes the only log of acknowledgments so long that the next entry begins it anew. Its last
// entry is the one that counts.
func (r *crashRun) growLog() {
	g := r.spool.queue.segments[0]
	const at = maxLog - segment.AckSize
	entry := segment.AppendAck(nil, g.sums, at, g.acked)
	for name, id := range r.disk.dirs[crashDir].cached {
		if strings.HasSuffix(name, ackSuffix) {
			fails := r.disk.fails
			r.disk.fails = nil
			require.NoError(r.t, r.disk.do(fakeOp{
				kind: opWrite, dir: crashDir, name: name, node: id, at: at, data: entry,
			}))
			require.NoError(r.t, r.disk.do(fakeOp{kind: opSync, dir: crashDir, name: name, node: id}))
			r.disk.fails = fails
		}
	}
}

var crashSyncs = []struct {
	name string
	sync Sync
}{
	{"SyncNever", SyncNever},
	{"SyncAlways", SyncAlways},
	{"SyncInterval", SyncInterval(time.Hour)},
}

// eachCrashProgram runs f for each program and sync mode.
func eachCrashProgram(t *testing.T, f func(t *testing.T, p crashProgram)) {
	t.Helper()
	for _, p := range crashPrograms() {
		for _, mode := range crashSyncs {
			t.Run(p.name+"/"+mode.name, func(t *testing.T) {
				p.config.sync = mode.sync
				if p.config.maxBytes == 0 {
					p.config.maxBytes = 1 << 20
				}
				f(t, p)
			})
		}
	}
}

// emptyDisk returns a disk with a directory for a spool, which Open creates.
func emptyDisk() *fakeDisk {
	d := newFakeDisk()
	d.apply(fakeOp{kind: opMkdir, dir: crashDir})
	return d
}

// runProgram runs a program on a disk, of which log is known.
func runProgram(t *testing.T, p crashProgram, d *fakeDisk, log crashLog) *crashRun {
	t.Helper()
	r := &crashRun{t: t, config: p.config, disk: d.clone(), log: log}
	r.disk.observe = r.observed
	r.open()
	p.run(r)
	return r
}

// crashKind is what crashes.
type crashKind uint8

const (
	processDies crashKind = iota
	powerFails
	crashKinds
)

// crashes yields each disk after each crash of a run, with what was known then.
func (r *crashRun) crashes(d *fakeDisk, log crashLog, kind crashKind, yield func(at string, d *fakeDisk, log crashLog)) {
	d = d.clone()
	for i, e := range r.trace {
		if e.note != nil {
			log = e.note(log)
			continue
		}
		at := fmt.Sprintf("event %d, %v", i, e.op)
		if kind == processDies {
			d.deaths(e.op, func(c *fakeDisk) { yield(at, c, log) })
			d.apply(e.op)
		} else {
			// The operation is done as far as the process knows, and none of it is durable before.
			d.apply(e.op)
			d.powerLosses(func(c *fakeDisk) { yield(at, c, log) })
		}
	}
	if kind == processDies {
		yield("end", d.clone(), log)
	}
}

// checkCrash opens the spool on a disk after a crash, and checks what it finds.
func checkCrash(p crashProgram, kind crashKind, d *fakeDisk, log crashLog) error {
	highest := int64(-1)
	for name := range d.dirs[crashDir].cached {
		for _, suffix := range []string{segmentSuffix, ackSuffix, badSuffix} {
			if n, ok := segment.ParseName(name, suffix); ok {
				highest = max(highest, int64(n))
			}
		}
	}
	s, err := load(crashDir, p.config, d)
	if err != nil {
		return fmt.Errorf("Open: %w", err)
	}
	if d.size() != s.total() {
		return fmt.Errorf("%d bytes are on the disk, and the spool counts %d", d.size(), s.total())
	}
	before, err := linesOf(s, kind)
	if err != nil {
		return err
	}
	if n := s.Stats().Records; n != uint64(len(before)) {
		return fmt.Errorf("%d records are read, and the spool counts %d", len(before), n)
	}
	aside, err := asideOf(s)
	if err != nil {
		return err
	}
	if err := log.check(&p, kind, before, aside); err != nil {
		return err
	}
	const after = "after the crash\n"
	if _, err := s.Write([]byte(after)); err != nil {
		return err
	}
	newest := s.queue.last().number
	if int64(newest) <= highest {
		return fmt.Errorf("segment %d is new, and there was a number %d", newest, highest)
	}
	lines, err := linesOf(s, kind)
	if err != nil {
		return err
	}
	dropped := len(before) + 1 - len(lines)
	if dropped < 0 || dropped > 0 && !p.limits || !slices.Equal(append(before[dropped:len(before):len(before)], after), lines) {
		return fmt.Errorf("read %q, and after a write %q", before, lines)
	}
	if d.size() != s.total() || d.size() > p.config.maxBytes {
		return fmt.Errorf("%d bytes are on the disk, and the spool counts %d after a write", d.size(), s.total())
	}
	return nil
}

// linesOf returns the lines in a spool.
func linesOf(s *Spool, kind crashKind) (lines []string, err error) {
	for r, err := range s.Records() {
		if err != nil {
			var damage *segment.DamageError
			if kind == powerFails && errors.As(err, &damage) {
				continue
			}
			return nil, fmt.Errorf("Records: %w", err)
		}
		lines = append(lines, splitLines(r.Data)...)
	}
	return lines, nil
}

func splitLines(p []byte) (lines []string) {
	for _, l := range bytes.SplitAfter(p, []byte{'\n'}) {
		if len(l) > 0 {
			lines = append(lines, string(l))
		}
	}
	return lines
}

// asideOf returns the lines that are set aside.
func asideOf(s *Spool) (lines []string, err error) {
	for _, g := range s.rejected.segments {
		f, err := s.disk.Open(s.rejected.name(g.number, segmentSuffix))
		if err != nil {
			return nil, err
		}
		var frames segment.Reader
		frames.Reset(f, g.sums, segment.HeaderSize, g.size)
		for {
			frame, err := frames.Next()
			if err != nil {
				break
			}
			lines = append(lines, splitLines(frame.Data)...)
		}
	}
	return lines, nil
}

// check compares what is in the spool after a crash with what was known before it.
func (log crashLog) check(p *crashProgram, kind crashKind, lines, aside []string) error {
	unordered := kind == powerFails && p.config.sync == SyncNever
	next := 0
	in := make(map[string]bool)
	for _, l := range lines {
		if unordered && log.isTaken(l) {
			in[l] = true // a segment that was deleted is back, and its number may be any
			continue
		}
		for next < len(log) && log[next].line != l {
			next++
		}
		if next == len(log) {
			return fmt.Errorf("%q is read, which was not written, or is out of order: %q", l, lines)
		}
		in[l] = true
	}
	for _, l := range aside {
		if !slices.ContainsFunc(log, func(c crashRecord) bool { return c.line == l }) {
			return fmt.Errorf("%q is set aside, which was not written", l)
		}
	}
	for _, c := range log {
		mustBe := c.appended && !c.taken && (!c.deleted || !p.limits)
		mustNotBe := c.settled || c.refused
		if kind == powerFails {
			mustBe = mustBe && c.durable
			mustNotBe = c.synced || c.erased
			if unordered { // of the two files of a segment, the log may be deleted alone
				mustNotBe = c.erased
			}
		}
		if mustBe && !in[c.line] && !slices.Contains(aside, c.line) {
			return fmt.Errorf("%q is lost; found %q, aside %q", c.line, lines, aside)
		}
		if mustNotBe && in[c.line] {
			return fmt.Errorf("%q comes back; found %q: %+v", c.line, lines, c)
		}
	}
	return nil
}

func (log crashLog) isTaken(line string) bool {
	return slices.ContainsFunc(log, func(c crashRecord) bool { return c.line == line && c.taken })
}

// TestCrash_ProcessDeath kills the process of each program before each of its changes of the disk,
// and in each write after each byte. What the kernel was given stays.
func TestCrash_ProcessDeath(t *testing.T) { testCrashes(t, processDies, 10000) }

// TestCrash_PowerLoss takes the power away after each change of the disk. What a sync did not cover
// may be lost, in parts and in any order. Only the fake disk can show this: no test here takes the
// power from a real one.
func TestCrash_PowerLoss(t *testing.T) { testCrashes(t, powerFails, 90000) }

func testCrashes(t *testing.T, kind crashKind, atLeast int) {
	t.Helper()
	total := 0
	eachCrashProgram(t, func(t *testing.T, p crashProgram) {
		t.Helper()
		if kind == powerFails && !p.promises() {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			r := runProgram(t, p, emptyDisk(), nil)
			r.crashes(emptyDisk(), nil, kind, func(at string, d *fakeDisk, log crashLog) {
				total++
				if err := checkCrash(p, kind, d, log); err != nil {
					t.Fatalf("%s: %v", at, err)
				}
			})
		})
	})
	t.Logf("%d states after a crash", total)
	assert.GreaterOrEqual(t, total, atLeast)
}

// TestCrash_Twice crashes small programs, runs another one on each disk that is left, and crashes
// that one too: each combination of a killed process and a loss of power.
func TestCrash_Twice(t *testing.T) {
	const most = 2 // first crashes of a program that are followed
	second := func(r *crashRun) {
		r.write(1)
		r.replay(1, nil)
		r.write(1)
	}
	total := 0
	eachCrashProgram(t, func(t *testing.T, p crashProgram) {
		t.Helper()
		switch p.name {
		case "2 records", "emptied and reopened", "taken in the middle of a frame", "killed and synced by the next process":
		default:
			return
		}
		for first := range crashKinds {
			for kind := range crashKinds {
				if kind == powerFails && !p.promises() {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					type state struct {
						at  string
						d   *fakeDisk
						log crashLog
					}
					var states []state
					r := runProgram(t, p, emptyDisk(), nil)
					r.crashes(emptyDisk(), nil, first, func(at string, d *fakeDisk, log crashLog) {
						states = append(states, state{at, d, log})
					})
					step := max(1, len(states)/most)
					for i := 0; i < len(states); i += step {
						s := states[i]
						log := s.log
						if first == powerFails {
							log = log.afterPowerLoss()
						}
						again := p
						again.run = second
						r := runProgram(t, again, s.d, log)
						r.crashes(s.d, log, kind, func(at string, d *fakeDisk, log crashLog) {
							total++
							if err := checkCrash(p, kind, d, log); err != nil {
								t.Fatalf("first crash at %s, second at %s: %v", s.at, at, err)
							}
						})
					}
				})
			}
		}
	})
	t.Logf("%d states after two crashes", total)
	assert.GreaterOrEqual(t, total, 30000)
}

// afterPowerLoss returns what is still known: a record that was not durable may be lost, and an
// acknowledgment too.
func (log crashLog) afterPowerLoss() crashLog {
	log = slices.Clone(log)
	for i := range log {
		log[i].appended = log[i].appended && log[i].durable
		log[i].settled = log[i].settled && log[i].synced
		log[i].deleted = log[i].deleted && log[i].erased
	}
	return log
}

// TestCrash_EachFault makes each operation of each program fail, and then kills the process or
// takes the power away at the end. A write that fails leaves half of its bytes. What a failed sync
// covered is lost with the power, whatever is synced later.
func TestCrash_EachFault(t *testing.T) { testFaults(t, 1) }

// TestCrash_TwoFaults makes each two operations in a row fail.
func TestCrash_TwoFaults(t *testing.T) { testFaults(t, 2) }

func testFaults(t *testing.T, inRow int) {
	t.Helper()
	total := 0
	eachCrashProgram(t, func(t *testing.T, p crashProgram) {
		t.Helper()
		for failing := 0; ; failing++ {
			reached := 0
			synctest.Test(t, func(t *testing.T) {
				r := &crashRun{t: t, config: p.config, disk: emptyDisk(), faulty: true}
				r.disk.observe = r.observed
				r.open()
				n := 0
				var at fakeOp
				r.disk.fails = func(o fakeOp) error {
					if n++; n <= failing || reached == inRow {
						return nil
					}
					reached++
					at = o
					r.lost = r.lost || o.kind == opSync
					return errFault
				}
				p.run(r)
				r.disk.fails = nil
				if reached == 0 {
					return
				}
				r.faulty = false
				r.write(1) // works again
				r.disk.observe = nil
				total++
				if err := checkCrash(p, processDies, r.disk.clone(), r.log.afterFault()); err != nil {
					t.Fatalf("%v failed: %v", at, err)
				}
				if p.config.sync != SyncAlways && p.name != "synced again and again" {
					return
				}
				r.disk.powerLosses(func(d *fakeDisk) {
					total++
					log := r.log.afterFault()
					for i := range log {
						// A record whose Write failed may be on the disk, though the process has cut it off.
						log[i].refused = false
					}
					if err := checkCrash(p, powerFails, d, log); err != nil {
						t.Fatalf("%v failed, and power was lost: %v", at, err)
					}
				})
			})
			if reached == 0 || t.Failed() {
				return
			}
		}
	})
	t.Logf("%d states after a failed operation", total)
	assert.GreaterOrEqual(t, total, 4000)
}

var errFault = errors.New("fault")

// afterFault returns what is known if an acknowledgment may have failed.
func (log crashLog) afterFault() crashLog {
	log = slices.Clone(log)
	for i := range log {
		log[i].settled, log[i].synced = false, false
	}
	return log
}
