// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

func (m *model) onDrop(d Drop) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead() {
		return // what a dead process did in memory
	}
	m.dropped += d.Records
	next := func() *modelRecord {
		i := slices.IndexFunc(m.pending, func(r *modelRecord) bool { return !r.isAhead && !r.inFlight })
		if i < 0 {
			m.wrong("%v: nothing is pending", d)
			return nil
		}
		return m.pending[i]
	}
	switch d.Reason {
	case DropMaxBytes:
		if m.writing > 0 && m.before+m.writing <= m.config.maxBytes {
			m.wrong("%d records were dropped, with %d bytes free", d.Records, m.config.maxBytes-m.before)
		}
		fallthrough
	case DropMaxAge:
		for range d.Records {
			r := next()
			if r == nil {
				return
			}
			if d.Reason == DropMaxAge && time.Since(r.written) <= m.config.maxAge {
				m.wrong("a record of %v was dropped for its age", time.Since(r.written))
			}
			m.forget([]*modelRecord{r})
		}
	case DropFiltered:
		for range d.Records {
			r := next()
			if r == nil {
				return
			}
			if !r.isFiltered(m.label) {
				m.wrong("%.20q was dropped: %v", r.text, d)
			}
			m.forget([]*modelRecord{r})
		}
	case DropRejected:
		r := next()
		if r == nil {
			return
		}
		switch {
		case r.isBroken(m.label):
		case r != m.lastOnly:
			m.wrong("%.20q was set aside, and was not written alone", r.text)
		case m.judges && errors.Is(m.lastErr, errModelRecord):
		case r.refusals < refusalsAside:
			m.wrong("%.20q was set aside after %d refusals", r.text, r.refusals)
		}
		if !errors.Is(d.Err, ErrDiskFull) && !errors.Is(d.Err, errFull) { // there was room for it
			m.rejected = append(m.rejected, r)
		}
		m.forget([]*modelRecord{r})
	default:
		m.wrong("unexpected: %+v", d)
	}
}

// check compares the spool with the model.
func (m *model) check(t *rapid.T) {
	synctest.Wait()
	stats := m.spool.Stats() // may drop records
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.broken) > 0 {
		t.Fatal(strings.Join(m.broken, "\n"))
	}
	want := Stats{Bytes: m.memory.size(), Appended: m.appended, Replayed: m.replayed, Repeated: m.repeated, Dropped: m.dropped}
	inFlight := uint64(0)
	for _, r := range m.pending {
		if r.isAhead {
			continue
		}
		want.Records++
		if r.inFlight {
			inFlight++
		}
		if want.Oldest.IsZero() {
			want.Oldest = r.written
		}
	}
	if inFlight > 0 && stats.Records < want.Records && stats.Records >= want.Records-inFlight {
		stats.Records = want.Records // a limit has dropped the segment of a record in flight
	}
	if m.hung != nil || !stats.Oldest.IsZero() && m.cancel == nil {
		stats.Oldest = want.Oldest // known when Replay reads the next record
	}
	if stats.Oldest.Equal(want.Oldest) {
		stats.Oldest = want.Oldest
	}
	if stats != want {
		t.Fatalf("Stats:\n%+v, want\n%+v", stats, want)
	}
	if m.memory.most > m.config.maxBytes {
		t.Fatalf("the files had %d bytes, the limit is %d", m.memory.most, m.config.maxBytes)
	}
	if backlog := m.spool.backlog.Load(); m.hung == nil && backlog != int64(want.Records) {
		t.Fatalf("the backlog is %d, of %d records", backlog, want.Records)
	}
	if m.hung == nil {
		m.compare(t)
	}
}

// compare reads the records in the spool.
func (m *model) compare(t *rapid.T) {
	left := m.pending
	for r, err := range m.spool.Records() {
		if err != nil {
			t.Fatalf("Records: %v", err)
		}
		for data := r.Data; len(data) > 0; {
			skipped := func(text string) bool { return bytes.HasPrefix(data, []byte(text)) }
			for len(left) > 0 && left[0].isAhead && !skipped(left[0].text) {
				left = left[1:]
			}
			if len(left) == 0 {
				if i := slices.IndexFunc(m.unsure, func(r *modelRecord) bool { return skipped(r.text) }); i >= 0 {
					data = data[len(m.unsure[i].text):]
					continue
				}
				t.Fatalf("Records has %.40q, the model has no more", data)
			}
			if !skipped(left[0].text) {
				if i := slices.IndexFunc(m.unsure, func(r *modelRecord) bool { return skipped(r.text) }); i >= 0 {
					data = data[len(m.unsure[i].text):]
					continue
				}
				t.Fatalf("Records has %.40q, want %.40q", data, left[0].text)
			}
			if !r.Time.Equal(left[0].written) {
				t.Fatalf("%.20q was written at %v, Records says %v", left[0].text, left[0].written, r.Time)
			}
			data = data[len(left[0].text):]
			left = left[1:]
		}
	}
	for len(left) > 0 && left[0].isAhead {
		left = left[1:]
	}
	if len(left) > 0 {
		t.Fatalf("Records misses %d records, from %.40q", len(left), left[0].text)
	}
}

// drain mends everything, and demands that the spool becomes empty.
func (m *model) drain(t *rapid.T) {
	if m.cancel != nil {
		m.stopReplay(t)
	}
	m.disk.set(func() { m.disk.full = false })
	m.mu.Lock()
	m.script = nil
	m.mu.Unlock()
	m.batch = 0
	m.start()
	synctest.Wait()
	for range refusalsAside { // without them nothing tells a bad record from a sink that is down
		m.append(t, []int{1}, true)
	}
	time.Sleep(50 * time.Minute)
	m.check(t)
	for i := 0; len(m.pending) > 0; i++ {
		if i == 100 {
			t.Fatalf("%d records are left, from %.40q", len(m.pending), m.pending[0].text)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		m.append(t, []int{1}, true)
	}
	m.check(t)
	m.stopReplay(t)
	if err := m.spool.Close(); err != nil {
		t.Fatal(err)
	}
	m.judge(t)
}

// judge checks where the records ended that were accepted.
func (m *model) judge(t *rapid.T) {
	aside := m.aside(t)
	var want []string
	for _, r := range m.rejected {
		want = append(want, r.text)
	}
	if len(aside) > len(want) || !slices.Equal(aside, want[len(want)-len(aside):]) {
		t.Fatalf("set aside are %.20q, want %.20q", aside, want)
	}
}

// aside reads the records that are set aside.
func (m *model) aside(t *rapid.T) (texts []string) {
	frames := reader{disk: m.disk, store: &m.spool.rejected}
	for _, g := range m.spool.rejected.segments {
		for offset := int64(segment.HeaderSize); offset < g.size; {
			f, err := frames.read(g, offset, g.size)
			if err != nil {
				t.Fatal(err)
			}
			texts, offset = append(texts, string(f.Data)), f.End
		}
	}
	return texts
}
