// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

var errUnreadable = errors.New("input/output error")

// scratchedDisk is a disk of which parts of some files cannot be read.
type scratchedDisk struct {
	*fakeDisk
	mu   sync.Mutex
	from map[string]int64 // by the end of the name; -1: the file cannot be opened
	good int              // directories that can be read all the same
}

const (
	unopenable = -1
	everything = ""
)

// scratch makes the files whose names end so unreadable from an offset on.
func (d *scratchedDisk) scratch(end string, from int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.from[end] = from
}

// mend makes files readable again: those with such an end, or all of them without one.
func (d *scratchedDisk) mend(ends ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, end := range ends {
		delete(d.from, end)
	}
	if len(ends) == 0 {
		clear(d.from)
	}
}

// readable returns how much of a file can be read.
func (d *scratchedDisk) readable(name string) (n int64, isScratched bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for end, from := range d.from {
		if strings.HasSuffix(name, end) {
			return from, true
		}
	}
	return 0, false
}

func (d *scratchedDisk) ReadDir(dir string) ([]entry, error) {
	if _, is := d.readable(dir); is && d.good == 0 {
		return nil, errUnreadable
	}
	d.good = max(d.good-1, 0)
	return d.fakeDisk.ReadDir(dir)
}

func (d *scratchedDisk) Open(name string) (file, error) {
	if n, is := d.readable(name); is && n < 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errUnreadable}
	}
	f, err := d.fakeDisk.Open(name)
	if err != nil {
		return nil, err
	}
	return &scratchedFile{f, d, name}, nil
}

type scratchedFile struct {
	file
	disk *scratchedDisk
	name string
}

func (f *scratchedFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.file.ReadAt(p, at)
	if most, is := f.disk.readable(f.name); is && at+int64(n) > most {
		return int(max(most-at, 0)), &fs.PathError{Op: "read", Path: f.name, Err: errUnreadable}
	}
	return n, err
}

// threeSegments is the size of a segment of three of the records that the tests write.
const threeSegments = segment.HeaderSize + 3*scratchFrame

const scratchFrame = segment.FrameHeaderSize + 3 // of a record such as "a1\n"

// scratchSpool is a spool on a disk of which parts cannot be read.
type scratchSpool struct {
	*Spool
	t      *testing.T
	disk   *scratchedDisk
	config config
	drops  []Drop
}

// newScratchSpool has segments of three records: a1, a2 and a3, then b1 and so on.
func newScratchSpool(t *testing.T, records ...string) *scratchSpool {
	t.Helper()
	s := &scratchSpool{t: t, disk: &scratchedDisk{fakeDisk: emptyDisk(), from: map[string]int64{}}}
	s.config = config{maxBytes: 1 << 20, segmentBytes: threeSegments, onDrop: func(d Drop) { s.drops = append(s.drops, d) }}
	s.open()
	s.write(records...)
	return s
}

func (s *scratchSpool) open() {
	s.t.Helper()
	s.drops = nil
	opened, err := load(crashDir, s.config, s.disk)
	require.NoError(s.t, err)
	s.Spool = opened
}

func (s *scratchSpool) reopen() {
	s.t.Helper()
	require.NoError(s.t, s.Close())
	s.open()
}

func (s *scratchSpool) write(records ...string) {
	s.t.Helper()
	for _, r := range records {
		_, err := s.Write([]byte(r + "\n"))
		require.NoError(s.t, err)
	}
}

// run replays for some time, and returns what a sink gets.
func (s *scratchSpool) run(d time.Duration, refused ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), d)
	defer cancel()
	sink := &scratchSink{refused: refused}
	require.ErrorIs(s.t, s.Replay(ctx, atomicbreaker.MustNew("sink"), sink, WithBatch(1<<10)), context.DeadlineExceeded)
	require.Equal(s.t, s.disk.size(), s.Stats().Bytes)
	return strings.ReplaceAll(strings.TrimSpace(sink.taken.String()), "\n", " ")
}

type scratchSink struct {
	taken   bytes.Buffer
	refused []string
}

func (s *scratchSink) Write(p []byte) (int, error) {
	if slices.ContainsFunc(s.refused, func(r string) bool { return bytes.Contains(p, []byte(r)) }) {
		return 0, errCrashSink
	}
	return s.taken.Write(p)
}
