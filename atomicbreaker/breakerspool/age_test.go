// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// put creates a segment of one record, written at a time.
func (d *fakeDisk) put(t *testing.T, number uint64, at time.Time) {
	t.Helper()
	var salt segment.Salt
	salt[0] = byte(number)
	text := segment.AppendHeader(nil, salt)
	text = segment.AppendFrame(text, salt.Sums(), segment.HeaderSize, at.UnixNano(), []byte("record\n"))
	st := store{dir: crashDir}
	f, err := d.Create(st.name(number, segmentSuffix))
	require.NoError(t, err)
	_, err = f.WriteAt(text, 0)
	require.NoError(t, err)
}

func agingConfig(drops *[]Drop) config {
	return config{
		maxBytes: 64 << 10, segmentBytes: 4096, maxAge: time.Hour,
		onDrop: func(d Drop) { *drops = append(*drops, d) },
	}
}

// TestAge_BehindAFutureRecord has a record of a clock that was ahead before one that gets too old.
// The second one is dropped at its time, in the last process's segments and in this one's.
func TestAge_BehindAFutureRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := emptyDisk()
		d.put(t, 0, time.Now().Add(1000*time.Hour))
		d.put(t, 1, time.Now())
		d.put(t, 2, time.Now().Add(30*time.Minute))
		var drops []Drop
		s, err := load(crashDir, agingConfig(&drops), d)
		require.NoError(t, err)
		_, err = s.Write([]byte("this process\n"))
		require.NoError(t, err)
		assert.EqualValues(t, 4, s.Stats().Records)
		time.Sleep(time.Hour + time.Second)
		assert.EqualValues(t, 2, s.Stats().Records)
		_, err = s.Write([]byte("later\n"))
		require.NoError(t, err)
		time.Sleep(30 * time.Minute)
		assert.EqualValues(t, 2, s.Stats().Records)
		time.Sleep(30*time.Minute + time.Second)
		assert.EqualValues(t, 1, s.Stats().Records, "of the future")
		assert.EqualValues(t, 4, s.Stats().Dropped)
		require.NoError(t, s.Close())
	})
}

// TestAge_ClockSetBack writes after a clock that was ahead was set back. The new record expires by
// the clock as it is now.
func TestAge_ClockSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := emptyDisk()
		d.put(t, 0, time.Now().Add(10*time.Hour))
		var drops []Drop
		s, err := load(crashDir, agingConfig(&drops), d)
		require.NoError(t, err)
		assert.EqualValues(t, 1, s.Stats().Records)
		s.queue.earliest = time.Now().Add(10 * time.Hour) // as the clock that was ahead left it
		_, err = s.Write([]byte("now\n"))
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		assert.EqualValues(t, 1, s.Stats().Records)
		time.Sleep(10 * time.Hour)
		assert.Zero(t, s.Stats().Records)
		require.Len(t, drops, 2)
		assert.Equal(t, 2*time.Hour, drops[0].Age)
		require.NoError(t, s.Close())
	})
}

// TestAge_OfTheFuture drops a record of a clock that was ahead. Its age is not negative.
func TestAge_OfTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := emptyDisk()
		d.put(t, 0, time.Now().Add(10*time.Hour))
		var drops []Drop
		s, err := load(crashDir, agingConfig(&drops), d)
		require.NoError(t, err)
		for range 2 {
			_, err = s.Write(make([]byte, 40<<10))
			require.NoError(t, err)
		}
		require.NotEmpty(t, drops)
		assert.Equal(t, DropMaxBytes, drops[0].Reason)
		assert.Zero(t, drops[0].Age)
		require.NoError(t, s.Close())
	})
}
