// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

func segmentFile(number uint64) string { return segment.Name(number, segmentSuffix) }

var threeByThree = []string{"a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3"}

// TestOpen_UnreadableSegment has a segment that cannot be read from some place on. Open counts it
// once, Replay writes all that can be read, and the file stays for the next Open.
func TestOpen_UnreadableSegment(t *testing.T) {
	for name, c := range map[string]struct {
		from   int64
		before string // what Replay writes
		after  string // once the file can be read
	}{
		"cannot be opened":     {unopenable, "a1 a2 a3 c1 c2 c3", "b1 b2 b3"},
		"in the header":        {segment.HeaderSize - 1, "a1 a2 a3 c1 c2 c3", "b1 b2 b3"},
		"in the first record":  {segment.HeaderSize + 1, "a1 a2 a3 c1 c2 c3", "b1 b2 b3"},
		"in the second record": {segment.HeaderSize + scratchFrame + segment.FrameHeaderSize, "a1 a2 a3 b1 c1 c2 c3", "b2 b3"},
		"in the last byte":     {threeSegments - 1, "a1 a2 a3 b1 b2 c1 c2 c3", "b3"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScratchSpool(t, threeByThree...)
				s.disk.scratch(segmentFile(1), c.from)
				s.reopen()
				require.Len(t, s.drops, 1)
				assert.Equal(t, DropCorrupt, s.drops[0].Reason)
				require.ErrorIs(t, s.drops[0].Err, errUnreadable)
				assert.ErrorContains(t, s.drops[0].Err, segmentFile(1))
				assert.EqualValues(t, 1, s.Stats().Corrupt)
				assert.EqualValues(t, len(strings.Fields(c.before)), s.Stats().Records)

				assert.Equal(t, c.before, s.run(time.Minute))
				assert.Zero(t, s.Stats().Records)
				assert.Zero(t, s.backlog.Load())
				assert.True(t, s.disk.Exists(s.queue.name(1, segmentSuffix)))
				s.write("d1")
				assert.Equal(t, "d1", s.run(time.Minute))

				s.disk.mend()
				s.reopen()
				assert.Empty(t, s.drops)
				assert.Equal(t, c.after, s.run(time.Minute))
				assert.False(t, s.disk.Exists(s.queue.name(1, segmentSuffix)))
			})
		})
	}
}

// TestOpen_UnreadableLog repeats what the log says, and no more than that.
func TestOpen_UnreadableLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScratchSpool(t, threeByThree...)
		assert.Equal(t, "a1 a2 a3 b1", s.run(time.Second, "b2"))
		s.disk.scratch(ackSuffix, unopenable)
		s.reopen()
		require.Len(t, s.drops, 1)
		require.ErrorIs(t, s.drops[0].Err, errUnreadable)
		assert.Equal(t, "b1 b2 b3 c1 c2 c3", s.run(time.Minute))
	})
}

// TestOpen_UnreadableTakenSegment needs nothing of a segment that was taken as a whole.
func TestOpen_UnreadableTakenSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScratchSpool(t)
		s.config.segmentBytes = 4 << 10
		s.reopen()
		s.write("a1")
		assert.Equal(t, "a1", s.run(time.Second))
		require.True(t, s.disk.Exists(s.queue.name(0, segmentSuffix)))
		s.disk.scratch(segmentFile(0), segment.HeaderSize)
		s.reopen()
		assert.Empty(t, s.drops)
		assert.False(t, s.disk.Exists(s.queue.name(0, segmentSuffix)))
	})
}

// TestOpen_UnreadableDirectory fails: if the directory cannot be read, or not any more, no segment
// is the cause.
func TestOpen_UnreadableDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScratchSpool(t, threeByThree...)
		s.disk.scratch(segmentFile(0), segment.HeaderSize+scratchFrame)
		s.run(time.Second) // leaves a log
		require.NoError(t, s.Close())
		s.disk.mend()
		for good, file := range []string{everything, segmentSuffix, ackSuffix} {
			s.disk.scratch(crashDir, unopenable)
			s.disk.scratch(file, unopenable)
			s.disk.good = min(good, 1)
			_, err := load(crashDir, s.config, s.disk)
			require.ErrorIs(t, err, errUnreadable)
			s.disk.mend()
		}
		s.open()
		assert.EqualValues(t, 8, s.Stats().Records)
	})
}

// TestReplay_UnreadableSegment has a segment that cannot be read after Open. Replay tries for half
// a minute, and then passes over the rest of that segment.
func TestReplay_UnreadableSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScratchSpool(t, threeByThree...)
		s.disk.scratch(segmentFile(1), segment.HeaderSize+scratchFrame)
		assert.Equal(t, "a1 a2 a3 b1", s.run(30*time.Second))
		assert.Empty(t, s.drops)
		assert.EqualValues(t, 5, s.Stats().Records)

		assert.Equal(t, "c1 c2 c3", s.run(time.Minute))
		require.Len(t, s.drops, 1)
		assert.Equal(t, DropCorrupt, s.drops[0].Reason)
		assert.EqualValues(t, 2, s.drops[0].Records)
		require.ErrorIs(t, s.drops[0].Err, errUnreadable)
		stats := s.Stats()
		assert.EqualValues(t, 1, stats.Corrupt)
		assert.EqualValues(t, 2, stats.Dropped)
		assert.Zero(t, stats.Records)
		assert.Zero(t, s.backlog.Load())

		s.disk.mend()
		s.reopen()
		assert.Equal(t, "b2 b3", s.run(time.Minute))
	})
}

// TestReplay_ReadableAgain writes everything in order if each error passes in time.
func TestReplay_ReadableAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScratchSpool(t, threeByThree...)
		s.disk.scratch(segmentFile(1), segment.HeaderSize)
		s.disk.scratch(segmentFile(2), segment.HeaderSize)
		time.AfterFunc(20*time.Second, func() { s.disk.mend(segmentFile(1)) })
		time.AfterFunc(40*time.Second, func() { s.disk.mend(segmentFile(2)) })
		assert.Equal(t, strings.Join(threeByThree, " "), s.run(time.Minute))
		assert.Empty(t, s.drops)
	})
}

// TestReplay_UnreadableDirectory waits as long as the whole spool cannot be read.
func TestReplay_UnreadableDirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScratchSpool(t, threeByThree...)
		s.disk.scratch(everything, unopenable)
		time.AfterFunc(time.Hour, func() { s.disk.mend() })
		assert.Equal(t, strings.Join(threeByThree, " "), s.run(2*time.Hour))
		assert.Empty(t, s.drops)
	})
}

// TestReplay_UnreadableActiveSegment passes over the segment that Write appends to. Later records
// go to another one.
func TestReplay_UnreadableActiveSegment(t *testing.T) {
	for from, want := range map[int64][2]string{
		segment.HeaderSize:                {"", "a1 a2"},
		segment.HeaderSize + scratchFrame: {"a1", "a2"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newScratchSpool(t, "a1", "a2")
			s.disk.scratch(segmentFile(0), from)
			assert.Equal(t, want[0], s.run(time.Minute))
			s.write("b1")
			assert.Equal(t, "b1", s.run(time.Minute))
			assert.EqualValues(t, len(strings.Fields(want[1])), s.Stats().Dropped)
			s.disk.mend()
			s.reopen()
			assert.Equal(t, want[1], s.run(time.Minute))
		})
	}
}

// TestReplay_UnreadableBehindASuspect finds records for its trials behind a segment that cannot be
// read.
func TestReplay_UnreadableBehindASuspect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScratchSpool(t, threeByThree...)
		s.disk.scratch(segmentFile(0), segment.HeaderSize+scratchFrame)
		assert.Contains(t, s.run(24*time.Hour, "a1"), "c1 c2 c3")
		assert.Zero(t, s.Stats().Records)
		require.Len(t, s.drops, 2)
		assert.Equal(t, DropRejected, s.drops[0].Reason)
		assert.Equal(t, DropCorrupt, s.drops[1].Reason)
	})
}

// TestRoom_UnreadableSegment deletes what cannot be read when the limit needs its room, and says
// so.
func TestRoom_UnreadableSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScratchSpool(t, threeByThree...)
		s.disk.scratch(segmentFile(1), segment.HeaderSize+scratchFrame)
		s.config.maxBytes = s.disk.size() + ackReserve + scratchFrame
		s.reopen()
		assert.Equal(t, "a1 a2 a3 b1 c1 c2 c3", s.run(time.Minute))
		assert.True(t, s.disk.Exists(s.queue.name(1, segmentSuffix)))
		s.drops = nil
		for range 3 {
			s.write(threeByThree...)
			assert.LessOrEqual(t, s.disk.size(), s.config.maxBytes)
			assert.Equal(t, s.disk.size(), s.Stats().Bytes)
		}
		require.NotEmpty(t, s.drops)
		assert.Equal(t, DropMaxBytes, s.drops[0].Reason)
		assert.ErrorContains(t, s.drops[0].Err, segmentFile(1)+": deleted to make room")
		assert.False(t, s.disk.Exists(s.queue.name(1, segmentSuffix)))
	})
}

// TestAge_UnreadableSegment keeps the file of a segment whose readable records are too old: the
// others may be newer.
func TestAge_UnreadableSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScratchSpool(t, "a1")
		s.config.maxAge = time.Hour
		time.Sleep(50 * time.Minute)
		s.write("a2")
		s.disk.scratch(segmentFile(0), segment.HeaderSize+scratchFrame)
		s.reopen()
		time.Sleep(20 * time.Minute)
		s.write("b1")
		assert.Equal(t, "b1", s.run(time.Minute))
		s.disk.mend()
		s.reopen()
		assert.Equal(t, "a2", s.run(time.Minute))
	})
}

// TestRecords_UnreadableSegment yields an error for it, and goes on behind it.
func TestRecords_UnreadableSegment(t *testing.T) {
	s := newScratchSpool(t, threeByThree...)
	s.disk.scratch(segmentFile(1), segment.HeaderSize+scratchFrame)
	var got []string
	for r, err := range s.Records() {
		if err != nil {
			require.ErrorIs(t, err, errUnreadable)
			got = append(got, "error")
			continue
		}
		got = append(got, strings.TrimSpace(string(r.Data)))
	}
	assert.Equal(t, []string{"a1", "a2", "a3", "b1", "error", "c1", "c2", "c3"}, got)
}
