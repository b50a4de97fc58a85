// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

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

// growLog makes the only log of acknowledgments so long that the next entry begins it anew. Its
// last entry is the one that counts.
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
