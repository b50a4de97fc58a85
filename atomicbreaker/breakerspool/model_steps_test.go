// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func (m *model) write(t *rapid.T) {
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		m.append(t, nil, false)
	case 1:
		m.append(t, []int{rapid.IntRange(1, 100).Draw(t, "size")}, false)
	case 2:
		m.append(t, []int{rapid.IntRange(3000, 20000).Draw(t, "size")}, rapid.Bool().Draw(t, "line"))
	case 3, 4, 5:
		m.append(t, rapid.SliceOfN(rapid.IntRange(1, 100), 2, 8).Draw(t, "sizes"), true)
	case 6:
		if m.config.maxBytes < 1<<20 {
			m.append(t, []int{rapid.IntRange(65000, 70000).Draw(t, "size")}, true)
		}
	default:
		m.append(t, []int{rapid.IntRange(1, 100).Draw(t, "size")}, true)
	}
}

func (m *model) writeMany(t *rapid.T) {
	size := rapid.IntRange(10, 1000).Draw(t, "size")
	for range rapid.IntRange(1, 60).Draw(t, "writes") {
		m.append(t, []int{size, size}, true)
	}
}

// append appends one frame.
func (m *model) append(t *rapid.T, sizes []int, lines bool) {
	m.mu.Lock()
	m.frames++
	var text strings.Builder
	var records []*modelRecord
	for _, size := range sizes {
		r := &modelRecord{id: len(m.all), lines: lines, frame: m.frames, written: time.Now()}
		r.text = fmt.Sprintf("#%d %s|", r.id, strings.Repeat("x", size))
		if lines {
			r.text += "\n"
		}
		text.WriteString(r.text)
		records, m.all = append(records, r), append(m.all, r)
	}
	m.before, m.writing = m.memory.size(), frameSpace+int64(text.Len())
	m.disk.failures = 0
	m.pending = append(m.pending, records...) // now, because Replay may be faster than this goroutine
	m.mu.Unlock()
	defer synctest.Wait()
	p := []byte(text.String())
	n, err := m.spool.Write(p)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writing = 0
	if err == nil {
		if n != len(p) {
			m.wrong("Write of %d bytes returned %d", len(p), n)
		}
		m.appended += uint64(len(records))
		return
	}
	m.pending = slices.DeleteFunc(m.pending, func(r *modelRecord) bool { return slices.Contains(records, r) })
	switch {
	case n != 0:
		m.wrong("Write returned %d, %v", n, err)
	case errors.Is(err, ErrTooLarge):
		if frameSpace+int64(len(p)) <= m.config.maxBytes {
			t.Fatal(err)
		}
	case m.disk.failures == 0:
		t.Fatalf("Write: %v", err)
	}
}

func (m *model) sleep(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Millisecond, 150 * time.Millisecond, time.Second, 11 * time.Second, 10 * time.Minute, 2 * time.Hour}).Draw(t, "for")
	time.Sleep(d)
}

func (m *model) startReplay(t *rapid.T) {
	if m.cancel != nil {
		t.Skip("it runs")
	}
	m.batch = rapid.SampledFrom([]int{0, 1, 200, 5000}).Draw(t, "batch")
	m.judges = rapid.Bool().Draw(t, "record errors")
	m.start()
}

func (m *model) start() {
	var opts []ReplayOption
	if m.batch > 0 {
		opts = append(opts, WithBatch(m.batch))
	}
	if m.label {
		opts = append(opts, WithTransform(transformModel))
	}
	if m.judges {
		opts = append(opts, WithRecordErrors(func(err error) bool { return errors.Is(err, errModelRecord) }))
	}
	for _, r := range m.pending {
		r.inRow = 0
	}
	var ctx context.Context
	ctx, m.cancel = context.WithCancel(context.Background())
	m.ended = make(chan error, 1)
	ended, s := m.ended, m.spool
	go func() { ended <- s.Replay(ctx, m.breaker, m, opts...) }()
}

func (m *model) stopReplay(t *rapid.T) {
	if m.cancel == nil {
		t.Skip("it does not run")
	}
	m.cancel()
	m.release()
	if err := <-m.ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("Replay: %v", err)
	}
	m.cancel = nil
}

func (m *model) extendScript(t *rapid.T) {
	steps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) sinkStep {
		return sinkStep{
			kind:  stepKind(rapid.IntRange(0, int(sinkSteps)-1).Draw(t, "does")),
			part:  rapid.IntRange(0, 5000).Draw(t, "part"),
			hangs: rapid.IntRange(0, 7).Draw(t, "hangs") == 7,
		}
	}), 1, 8).Draw(t, "script")
	m.mu.Lock()
	defer m.mu.Unlock()
	if rapid.IntRange(0, 3).Draw(t, "long") == 3 {
		steps = slices.Repeat([]sinkStep{{kind: sinkFails}}, rapid.IntRange(5, 40).Draw(t, "failures"))
	}
	m.script = append(m.script, steps...)
}

// poison makes the sink refuse a record for good.
func (m *model) poison(t *rapid.T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.pending) == 0 {
		t.Skip("nothing is there")
	}
	r := m.pending[rapid.IntRange(0, len(m.pending)-1).Draw(t, "record")]
	m.poisoned[r.id] = rapid.SampledFrom([]error{errModelDown, errModelRecord}).Draw(t, "error")
}

func (m *model) releaseSink(t *rapid.T) {
	if !m.isHung() {
		t.Skip("it does not hang")
	}
	m.release()
}

func (m *model) isHung() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hung != nil
}

func (m *model) release() {
	for m.isHung() {
		m.mu.Lock()
		close(m.hung)
		m.hung = nil
		m.mu.Unlock()
		synctest.Wait()
	}
}

// live is a write of somebody else that the sink took. It is no proof that it takes those of
// Replay.
func (m *model) live(*rapid.T) {
	if p, ok := m.breaker.TryAcquire(); ok {
		p.Success()
	}
}

func (m *model) crash(t *rapid.T) {
	m.disk.set(func() { m.disk.dead = true })
	s := m.spool
	if m.cancel != nil {
		m.stopReplay(t)
	}
	s.mu.Lock()
	s.closed = true
	if s.syncing != nil {
		s.syncing.Stop()
	}
	s.mu.Unlock()
	m.open(t)
}

func (m *model) closeAndOpen(t *rapid.T) {
	if m.cancel != nil && rapid.Bool().Draw(t, "stop Replay first") {
		m.stopReplay(t)
	}
	m.disk.set(func() { m.disk.full = false })
	if err := m.spool.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if m.cancel != nil {
		m.disk.set(func() { m.disk.dead = true }) // the files belong to the next Spool
		m.release()
		if err := <-m.ended; !errors.Is(err, fs.ErrClosed) {
			t.Fatalf("Replay: %v", err)
		}
		m.cancel()
		m.cancel = nil
	}
	if _, err := m.spool.Write([]byte("late\n")); !errors.Is(err, fs.ErrClosed) {
		t.Fatalf("Write after Close: %v", err)
	}
	m.open(t)
}

func (m *model) fillDisk(t *rapid.T) {
	part := rapid.IntRange(0, 100).Draw(t, "part")
	m.disk.set(func() { m.disk.full, m.disk.part = !m.disk.full, part })
}
