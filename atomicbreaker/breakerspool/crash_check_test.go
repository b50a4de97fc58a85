// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

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

// afterFault returns what is known if an acknowledgment may have failed.
func (log crashLog) afterFault() crashLog {
	log = slices.Clone(log)
	for i := range log {
		log[i].settled, log[i].synced = false, false
	}
	return log
}
