// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// collect returns an option that keeps the drops.
func collect(drops *[]breakerspool.Drop) breakerspool.Option {
	return breakerspool.WithOnDrop(func(d breakerspool.Drop) { *drops = append(*drops, d) })
}

// TestDrop_Filtered reports the filtered records of one write at once, with the bytes that they had
// in the spool.
func TestDrop_Filtered(t *testing.T) {
	for name, keeps := range map[string]bool{"all": false, "some": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var drops []breakerspool.Drop
				s := openSpool(t, t.TempDir(), collect(&drops))
				write(t, s, "12345\n")
				time.Sleep(time.Second)
				write(t, s, "1\nkept\n", "123\n")
				sink := &sink{}
				defer replay(t, s, newBreaker(), sink, breakerspool.WithBatch(1000), breakerspool.WithTransform(
					func(r breakerspool.Record) []byte {
						if string(r.Data) == "kept\n" && keeps {
							return r.Data
						}
						return nil
					}))()
				synctest.Wait()
				require.Len(t, drops, 1)
				d := drops[0]
				assert.Equal(t, breakerspool.DropFiltered, d.Reason)
				assert.Equal(t, time.Second, d.Age, "of the oldest one")
				if keeps {
					assert.EqualValues(t, 3, d.Records)
					assert.EqualValues(t, 12, d.Bytes)
					assert.Equal(t, []string{"kept"}, sink.lines())
				} else {
					assert.EqualValues(t, 4, d.Records)
					assert.EqualValues(t, 17, d.Bytes)
				}
			})
		})
	}
}

// TestDrop_BytesOfASegment drops a segment of which a part was taken, and one record is in flight.
// The frames' headers, what was taken, and the record in flight do not count; that record counts
// when its write has failed.
func TestDrop_BytesOfASegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 64 << 10
		var drops []breakerspool.Drop
		s := openSpool(t, t.TempDir(), breakerspool.WithMaxBytes(limit), breakerspool.WithSegmentBytes(limit/2), collect(&drops))
		write(t, s, "taken\nflies\nwaits 1\n", "waits 22\n")
		hold := make(chan struct{})
		sink := &sink{does: func(p []byte) (int, error) {
			if strings.HasPrefix(string(p), "flies\n") {
				<-hold
				return 0, errDown
			}
			return len("taken\n"), errDown
		}}
		stop := replay(t, s, newBreaker(), sink, breakerspool.WithBatch(14))
		time.Sleep(2 * time.Minute)
		for range 2 {
			write(t, s, strings.Repeat("x", limit/2)+"\n") // a segment each
		}
		require.Len(t, drops, 2)
		assert.Equal(t, breakerspool.DropMaxBytes, drops[0].Reason)
		assert.EqualValues(t, 2, drops[0].Records)
		assert.EqualValues(t, len("waits 1\nwaits 22\n"), drops[0].Bytes)
		close(hold)
		synctest.Wait()
		require.Len(t, drops, 3)
		assert.EqualValues(t, 1, drops[2].Records)
		assert.EqualValues(t, len("flies\n"), drops[2].Bytes)
		stop()
		stats := s.Stats()
		assert.Equal(t, stats.Appended, stats.Records+stats.Replayed+stats.Dropped)
	})
}

// TestDrop_BytesAfterOpening counts what the last process left.
func TestDrop_BytesAfterOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openSpool(t, dir)
		write(t, s, "taken\n", "left\nover\n")
		left := 2
		stop := replay(t, s, newBreaker(), &sink{does: func(p []byte) (int, error) {
			if left--; left == 0 {
				return len("left\n"), errDown
			}
			return len(p) * min(max(left, 0), 1), nil
		}})
		synctest.Wait()
		stop()
		require.NoError(t, s.Close())
		var drops []breakerspool.Drop
		s = openSpool(t, dir, breakerspool.WithMaxAge(time.Hour), collect(&drops))
		time.Sleep(2 * time.Hour)
		assert.Zero(t, s.Stats().Records)
		require.Len(t, drops, 1)
		assert.EqualValues(t, 1, drops[0].Records)
		assert.EqualValues(t, len("over\n"), drops[0].Bytes)
	})
}

// TestDrop_RejectedForRoom deletes rejected records when the spool is full. They count once, and
// their file is reported.
func TestDrop_RejectedForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 64 << 10
		dir := t.TempDir()
		var drops []breakerspool.Drop
		s := openSpool(t, dir, breakerspool.WithMaxBytes(limit), collect(&drops))
		write(t, s, "bad\n", "bad\n")
		stop := replay(t, s, newBreaker(), refuses(errMalformed, "bad"), breakerspool.WithRecordErrors(isMalformed))
		synctest.Wait()
		stop()
		require.Len(t, drops, 2)
		for range 8 {
			write(t, s, strings.Repeat("x", limit/8)+"\n")
		}
		require.Greater(t, len(drops), 2)
		d := drops[2]
		assert.Equal(t, breakerspool.DropMaxBytes, d.Reason)
		assert.Zero(t, d.Records)
		assert.EqualValues(t, 8, d.Bytes)
		require.ErrorContains(t, d.Err, filepath.Join("rejected", "0000000000000000.seg"))
		stats := s.Stats()
		assert.Equal(t, stats.Appended, stats.Records+stats.Dropped)
		assert.Equal(t, bytesBelow(t, dir), stats.Bytes)
	})
}

// TestDrop_BadFileForRoom has a segment whose header is damaged. It is the first file to go, and it
// is reported.
func TestDrop_BadFileForRoom(t *testing.T) {
	const limit = 64 << 10
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "0000000000000007.seg"), make([]byte, 9000), 0o600))
	var drops []breakerspool.Drop
	s := openSpool(t, dir, breakerspool.WithMaxBytes(limit), collect(&drops))
	bad := filepath.Join(dir, "0000000000000007.bad")
	require.FileExists(t, bad)
	require.Len(t, drops, 1)
	for range 7 {
		write(t, s, strings.Repeat("x", 8000)+"\n")
	}
	assert.NoFileExists(t, bad)
	assert.Equal(t, bytesBelow(t, dir), s.Stats().Bytes)
	require.Len(t, drops, 2)
	assert.Equal(t, breakerspool.DropMaxBytes, drops[1].Reason)
	assert.Zero(t, drops[1].Records)
	assert.EqualValues(t, 9000, drops[1].Bytes)
	require.ErrorContains(t, drops[1].Err, bad)
	assert.EqualValues(t, 7, s.Stats().Records)
}

// TestOpen_BelowALowerLimit opens a spool that is larger than its limit is now.
func TestOpen_BelowALowerLimit(t *testing.T) {
	const limit = 64 << 10
	dir := t.TempDir()
	s := openSpool(t, dir, breakerspool.WithSegmentBytes(8<<10))
	for range 40 {
		write(t, s, strings.Repeat("x", 4<<10)+"\n")
	}
	require.NoError(t, s.Close())
	var drops []breakerspool.Drop
	s = openSpool(t, dir, breakerspool.WithMaxBytes(limit), breakerspool.WithSegmentBytes(8<<10), collect(&drops))
	assert.LessOrEqual(t, bytesBelow(t, dir), int64(limit))
	stats := s.Stats()
	assert.Equal(t, bytesBelow(t, dir), stats.Bytes)
	var records uint64
	for _, d := range drops {
		assert.Equal(t, breakerspool.DropMaxBytes, d.Reason)
		assert.EqualValues(t, d.Records*(4<<10+1), d.Bytes)
		records += d.Records
	}
	assert.EqualValues(t, 40, records+stats.Records)
	assert.NotZero(t, stats.Records)
}
