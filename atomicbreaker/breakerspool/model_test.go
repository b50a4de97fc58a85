// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
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
