// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// TestModel compares a spool with a list in memory, through crashes, full disks, limits, and sinks
// that do everything sinks do. The model knows nothing of segments: it follows what the sink is
// offered and what OnDrop reports, and checks each against the rules.
func TestModel(t *testing.T) {
	Check(t, 500, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			m := newModel(t)
			defer m.end()
			t.Repeat(map[string]func(*rapid.T){
				"":               m.check,
				"write":          m.write,
				"write many":     m.writeMany,
				"sleep":          m.sleep,
				"start Replay":   m.startReplay,
				"stop Replay":    m.stopReplay,
				"script":         m.extendScript,
				"poison":         m.poison,
				"release":        m.releaseSink,
				"live success":   m.live,
				"crash":          m.crash,
				"close and open": m.closeAndOpen,
				"fill the disk":  m.fillDisk,
			})
			m.drain(t)
		})
	})
}

type modelRecord struct {
	id      int
	text    string // as it was written into the spool
	lines   bool   // its frame ends with a newline
	frame   int
	written time.Time

	isAhead  bool // taken by the sink before a suspect, which is still in the spool
	isLost   bool // settled in this process, but the log may not say so
	inFlight bool
	offered  bool // to the sink, in this process
	refusals int  // alone, with another success between
	inRow    int
	mark     int // successes before the last refusal
	taken    int // times that the sink took it
}

// sinkText returns the record as the sink gets it.
func (r *modelRecord) sinkText(label bool) string {
	if !label {
		return r.text
	}
	return "replayed " + r.text
}

// The function of WithTransform filters some records and panics for some.
func (r *modelRecord) isFiltered(label bool) bool { return label && r.id%7 == 3 }
func (r *modelRecord) isBroken(label bool) bool   { return label && r.id%11 == 5 }

func transformModel(r Record) []byte {
	var id int
	_, _ = fmt.Sscanf(string(r.Data), "#%d ", &id)
	m := modelRecord{id: id, text: string(r.Data)}
	switch {
	case m.isFiltered(true):
		return nil
	case m.isBroken(true):
		panic("no such field")
	}
	return []byte(strings.TrimSuffix(m.sinkText(true), "\n")) // Replay adds the newline
}

// stepKind is what the sink does with a write.
type stepKind int

const (
	sinkTakes stepKind = iota
	sinkFails
	sinkTears   // takes a part, and returns an error
	sinkShort   // takes a part, and returns none
	sinkLies    // returns a negative number, or too large a one, with an error
	sinkExceeds // returns too large a number without an error
	sinkPanics
	sinkBusy
	sinkSteps
)

type sinkStep struct {
	kind  stepKind
	part  int
	hangs bool
}

var (
	errModelDown   = errors.New("down")
	errModelRecord = errors.New("malformed")
)

type model struct {
	mu     sync.Mutex
	t      *rapid.T
	broken []string

	memory  *memory
	disk    *modelDisk
	spool   *Spool
	config  config
	breaker *atomicbreaker.Breaker

	cancel   context.CancelFunc // of Replay; nil: it does not run
	ended    chan error
	batch    int
	label    bool // and WithTransform, in this process
	judges   bool // Replay has WithRecordErrors
	script   []sinkStep
	hung     chan struct{} // the sink hangs until it is closed
	poisoned map[int]error

	pending  []*modelRecord // oldest first
	limbo    []*modelRecord // in flight when the process died
	unsure   []*modelRecord // settled, and may come back after a crash
	rejected []*modelRecord
	all      []*modelRecord
	frames   int
	torn     bool
	success  int // writes that the sink took
	lastOnly *modelRecord
	lastErr  error

	appended, replayed, repeated, dropped uint64
	writing                               int64 // bytes that a Write may add at most; 0: none runs
	before                                int64 // bytes of the files before it
}

const modelDir = "spool"

// frameSpace is what a frame may need besides its data.
const frameSpace = segment.HeaderSize + segment.FrameHeaderSize + ackReserve

func newModel(t *rapid.T) *model {
	m := &model{t: t, memory: &memory{files: map[string][]byte{}}, poisoned: map[int]error{}}
	m.breaker = atomicbreaker.MustNew("model", atomicbreaker.WithFailureThreshold(rapid.IntRange(1, 4).Draw(t, "threshold")),
		atomicbreaker.WithRecoveryTimeout(time.Second))
	m.open(t)
	return m
}

func (m *model) wrong(format string, args ...any) {
	m.broken = append(m.broken, fmt.Sprintf(format, args...))
}

func (m *model) open(t *rapid.T) {
	opts := []Option{
		WithMaxBytes(rapid.SampledFrom([]int64{1 << 20, 64 << 10}).Draw(t, "max bytes")),
		WithSegmentBytes(rapid.SampledFrom([]int64{4 << 10, 16 << 10}).Draw(t, "segment bytes")),
		WithMaxAge(rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "max age")),
		WithSync(rapid.SampledFrom([]Sync{SyncNever, SyncAlways, SyncInterval(time.Second)}).Draw(t, "sync")),
		WithMinFree(0), WithOnDrop(m.onDrop),
	}
	c, err := newConfig(opts)
	if err != nil {
		t.Fatal(err)
	}
	m.config, m.disk = c, &modelDisk{memory: m.memory}
	m.label = rapid.IntRange(0, 2).Draw(t, "label") == 2
	m.appended, m.replayed, m.repeated, m.dropped = 0, 0, 0, 0
	m.torn = false // the process that knew of it is gone
	m.putBack()
	m.before, m.writing = m.memory.size(), ackReserve
	s, err := load(modelDir, c, m.disk)
	m.writing = 0
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	m.spool = s
	m.memory.most = 0
}

// putBack puts the records back that were settled, but not in the log of acknowledgments when the
// process died.
func (m *model) putBack() {
	probe := &Spool{disk: &modelDisk{memory: &memory{files: maps.Clone(m.memory.files)}}}
	probe.queue = store{disk: probe.disk, dir: modelDir}
	if _, err := probe.queue.load(); err != nil {
		m.t.Fatalf("load: %v", err)
	}
	n := -len(m.pending)
	for _, g := range probe.queue.segments {
		n += int(g.records)
	}
	for ; n < 0 && len(m.limbo) > 0; n++ {
		// A limit dropped the segment while the record was in flight, and the process died before it
		// could be counted.
		m.forget(m.limbo[:1])
		m.limbo = m.limbo[1:]
	}
	m.limbo = nil
	if n > len(m.unsure) || n < 0 {
		m.t.Fatalf("%d records more than the model has; %d may have come back", n, len(m.unsure))
	}
	slices.SortFunc(m.unsure, func(a, b *modelRecord) int { return a.id - b.id })
	back := m.unsure[len(m.unsure)-n:]
	m.pending = append(slices.Clone(back), m.pending...)
	for _, r := range m.pending {
		r.isAhead, r.offered, r.inFlight, r.inRow, r.refusals = false, false, false, 0, 0
	}
	m.unsure = nil
}

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

// live is a write of somebody else that the sink took. It is no proof that it takes those of Replay.
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

// Write is the sink.
func (m *model) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	items, kind := m.recognize(string(p))
	repair := m.torn && len(p) > 0 && p[0] == '\n'
	if items == nil {
		return len(p), nil
	}
	for _, r := range items {
		r.inFlight = true
	}
	step := sinkStep{}
	if len(m.script) > 0 {
		step, m.script = m.script[0], m.script[1:]
	}
	// With filtered records, the model cannot tell which ones are in flight.
	if step.hangs && !m.label {
		released := make(chan struct{})
		m.hung = released
		m.mu.Unlock()
		<-released
		m.mu.Lock()
	}
	for _, r := range items {
		if r.offered {
			m.repeated++
		}
		r.offered, r.inFlight = true, false
	}
	return m.perform(step, p, repair, items, kind)
}

// recognize finds the records of a write among those that are pending.
func (m *model) recognize(p string) (items []*modelRecord, kind writeKind) {
	whole := p
	if m.torn {
		if !strings.HasPrefix(p, "\n") {
			m.wrong("the sink is torn, and got %.40q", p)
			return nil, 0
		}
		p = p[1:]
	}
	head := slices.IndexFunc(m.pending, func(r *modelRecord) bool { return !r.isAhead && !r.isLost })
	if head < 0 {
		m.wrong("nothing is pending, and the sink got %.40q", p)
		return nil, 0
	}
	rest := p
	for _, r := range m.pending[head:] {
		if r.isFiltered(m.label) {
			continue
		}
		after, ok := strings.CutPrefix(rest, r.sinkText(m.label))
		if !ok || rest == "" {
			break
		}
		rest, items = after, append(items, r)
	}
	if rest != "" {
		items, kind = m.recognizeTrial(head, p)
	}
	if len(items) == 0 {
		m.wrong("not in order: the sink got %.40q, the oldest record is %.40q", p, m.pending[head].text)
		return nil, 0
	}
	first := items[0]
	for _, r := range items {
		switch {
		case r.isBroken(m.label):
			m.wrong("the sink got a record for which the function of WithTransform panicked")
		case m.batch == 0 && r.frame != first.frame:
			m.wrong("two writes were joined without WithBatch")
		case len(items) > 1 && !r.lines:
			m.wrong("a record without a newline was joined")
		case m.config.maxAge > 0 && time.Since(r.written) > m.config.maxAge:
			m.wrong("the sink got a record that is %v old", time.Since(r.written))
		}
	}
	if m.batch > 0 && len(items) > 1 && len(whole) > m.batch {
		m.wrong("WithBatch(%d): a write of %d records has %d bytes", m.batch, len(items), len(whole))
	}
	return items, kind
}

// recognizeTrial finds a record that is written before its turn.
func (m *model) recognizeTrial(head int, p string) ([]*modelRecord, writeKind) {
	suspect := m.pending[head]
	kind := ahead
	for _, r := range m.pending[head+1:] {
		if r.isAhead {
			continue
		}
		if !r.isFiltered(m.label) && r.sinkText(m.label) == p {
			if suspect.inRow < trialAfter && suspect.refusals < 1 {
				m.wrong("%.20q is a trial, and %.20q was refused %d times", p, suspect.text, suspect.inRow)
			}
			return []*modelRecord{r}, kind
		}
		kind = further
	}
	return nil, inOrder
}

// perform does what the sink does, and settles what it takes.
func (m *model) perform(step sinkStep, p []byte, repair bool, items []*modelRecord, kind writeKind) (n int, err error) {
	n, err = len(p), nil
	for _, r := range items {
		if e := m.poisoned[r.id]; e != nil && step.kind != sinkBusy && step.kind != sinkPanics {
			step, n, err = sinkStep{kind: sinkFails}, 0, e
		}
	}
	part := step.part % len(p)
	switch step.kind {
	case sinkTakes, sinkSteps:
	case sinkFails:
		if err == nil {
			n, err = 0, errModelDown
		}
	case sinkTears:
		n, err = part, errModelDown
	case sinkShort:
		n = part
	case sinkLies:
		if n, err = len(p)+step.part%2, errModelDown; step.part%3 == 0 {
			n = -1
		}
	case sinkExceeds:
		n = len(p) + 1
	case sinkPanics:
		m.settle(items, kind, 0, errModelDown)
		panic("the sink broke")
	case sinkBusy:
		n, err = 0, fmt.Errorf("later: %w", breakerio.ErrBusy)
	}
	taken := 0
	switch kept := n; {
	case err == nil && n >= len(p):
		taken, m.torn = len(items), false
	case n > 0 && n < len(p):
		if repair {
			kept, m.torn = kept-1, false
		}
		if items[0].lines && kept > 0 {
			text := p[len(p)-total(items, m.label):]
			m.torn = text[kept-1] != '\n'
			for end := 0; taken < len(items); taken++ {
				if end += len(items[taken].sinkText(m.label)); end > kept {
					break
				}
			}
		}
	}
	failed := err
	if err == nil && n < len(p) {
		failed = errModelDown
	}
	m.settle(items, kind, taken, failed)
	return n, err
}

func total(items []*modelRecord, label bool) (n int) {
	for _, r := range items {
		n += len(r.sinkText(label))
	}
	return n
}

// settle takes the outcome of a write.
func (m *model) settle(items []*modelRecord, kind writeKind, taken int, err error) {
	if m.dead() {
		m.limbo = items
	}
	m.lastOnly, m.lastErr = nil, err
	for _, r := range items[:taken] {
		r.taken++
		r.inRow = 0
	}
	if taken > 0 && kind != further && !m.dead() {
		m.replayed += uint64(taken)
		if kind == ahead {
			items[0].isAhead = true
		} else {
			m.forget(items[:taken])
		}
	}
	if err == nil {
		m.success++
		return
	}
	if left := items[taken:]; len(left) == 1 && kind == inOrder {
		r := left[0]
		m.lastOnly = r
		if errors.Is(err, breakerio.ErrBusy) || m.judges && errors.Is(err, errModelRecord) {
			return
		}
		if r.inRow++; r.refusals == 0 || m.success > r.mark {
			r.refusals++
			r.mark = m.success
		}
	}
	if m.judges && errors.Is(err, errModelRecord) && kind != inOrder {
		m.success++ // the sink has answered
	}
}

func (m *model) dead() bool {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	return m.disk.dead
}

// forget removes records that are settled. While the disk is full, they may come back after a crash.
func (m *model) forget(records []*modelRecord) {
	m.disk.mu.Lock()
	full := m.disk.full
	m.disk.mu.Unlock()
	if !full {
		m.unsure = nil
	}
	for _, r := range records {
		i := slices.Index(m.pending, r)
		if i < 0 {
			continue // dropped by a limit meanwhile
		}
		m.pending = slices.Delete(m.pending, i, i+1)
		if full {
			m.unsure = append(m.unsure, r)
		}
	}
	for len(m.pending) > 0 && m.pending[0].isAhead {
		m.unsure = append(m.unsure, m.pending[0])
		m.pending = m.pending[1:]
	}
}

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

// end ends what runs, also after a failure: a bubble must not be left with goroutines.
func (m *model) end() {
	if m.cancel != nil {
		m.cancel()
		m.mu.Lock()
		m.script = nil
		m.mu.Unlock()
		m.release()
		if err := <-m.ended; err == nil {
			m.t.Error("Replay ended without an error")
		}
	}
	if m.spool.syncing != nil {
		m.spool.syncing.Stop()
	}
}
