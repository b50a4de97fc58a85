// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scarceDisk is a disk that tells how much is free.
type scarceDisk struct {
	*fakeDisk
	free  int64
	known bool
	asked int
}

func (d *scarceDisk) Free(string) (int64, bool) { d.asked++; return d.free, d.known }

const leastFree = 10 << 20

func newScarce(t *testing.T, free int64) (*scarceDisk, *Spool) {
	t.Helper()
	d := &scarceDisk{fakeDisk: emptyDisk(), free: free, known: true}
	s, err := load(crashDir, config{maxBytes: 1 << 30, segmentBytes: 8 << 20, minFree: leastFree}, d)
	require.NoError(t, err)
	return d, s
}

// TestFree_TooLittle has too little free at first. Write works as soon as there is enough.
func TestFree_TooLittle(t *testing.T) {
	record := []byte("record\n")
	const frame = 27
	d, s := newScarce(t, leastFree+frame-1)
	for range 2 {
		_, err := s.Write(record)
		require.ErrorIs(t, err, ErrDiskFull)
		require.EqualError(t, err, "breakerspool: spool: disk full: 10485786 bytes free, WithMinFree(10485760)")
	}
	assert.Zero(t, d.size(), "nothing is created")
	d.free++
	_, err := s.Write(record)
	require.NoError(t, err)
	assert.EqualValues(t, 1, s.Stats().Records)
	assert.Zero(t, s.Stats().Dropped)
}

// TestFree_Unknown has a disk that cannot tell.
func TestFree_Unknown(t *testing.T) {
	d, s := newScarce(t, 0)
	d.known = false
	_, err := s.Write([]byte("record\n"))
	require.NoError(t, err)
}

// TestFree_EachMiB writes a MiB. The next write, and no earlier one, finds too little.
func TestFree_EachMiB(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newScarce(t, 2*leastFree)
		p := []byte(strings.Repeat("x", 1<<16))
		_, err := s.Write(p)
		require.NoError(t, err)
		d.free = 0
		n := 0
		for ; err == nil; n++ {
			_, err = s.Write(p)
		}
		require.ErrorIs(t, err, ErrDiskFull)
		assert.Equal(t, 1<<20/len(p), n)
		assert.EqualValues(t, n, s.Stats().Records, "nothing is dropped")
		d.free = 2 * leastFree
		_, err = s.Write(p)
		require.NoError(t, err)
	})
}

// TestFree_EachSecond writes little. The first write after a second finds too little, and each one
// looks again until there is enough.
func TestFree_EachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newScarce(t, 2*leastFree)
		write := func() error {
			_, err := s.Write([]byte("record\n"))
			return err
		}
		require.NoError(t, write())
		d.free = 0
		time.Sleep(999 * time.Millisecond)
		require.NoError(t, write())
		time.Sleep(time.Millisecond)
		require.ErrorIs(t, write(), ErrDiskFull)
		d.free = 2 * leastFree
		require.NoError(t, write())
		asked := d.asked
		require.NoError(t, write())
		assert.Equal(t, asked, d.asked)
	})
}

// TestFree_EachSegment begins a segment while too little is free.
func TestFree_EachSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, s := newScarce(t, 2*leastFree)
		s.config.segmentBytes = 4096
		p := make([]byte, 3000)
		_, err := s.Write(p)
		require.NoError(t, err)
		d.free = 0
		_, err = s.Write([]byte("fits\n"))
		require.NoError(t, err)
		_, err = s.Write(p)
		require.ErrorIs(t, err, ErrDiskFull)
	})
}

// keptDisk is a disk that deletes no file with a name that ends so.
type keptDisk struct {
	*fakeDisk
	keeps string
}

func (d *keptDisk) Remove(name string) error {
	if strings.HasSuffix(name, d.keeps) {
		return errFault
	}
	return d.fakeDisk.Remove(name)
}

// TestRoom_FileThatCannotBeDeleted has a file without a header that cannot be deleted. It still
// counts, and the queue makes the room.
func TestRoom_FileThatCannotBeDeleted(t *testing.T) {
	d := &keptDisk{emptyDisk(), badSuffix}
	for _, number := range []uint64{3, 4} {
		st := store{dir: crashDir}
		f, err := d.Create(st.name(number, segmentSuffix))
		require.NoError(t, err)
		_, err = f.WriteAt(make([]byte, 9000), 0)
		require.NoError(t, err)
	}
	c := config{maxBytes: 64 << 10, segmentBytes: 8 << 10}
	s, err := load(crashDir, c, d)
	require.NoError(t, err)
	for range 20 {
		_, err := s.Write(make([]byte, 5000))
		require.NoError(t, err)
		require.Equal(t, d.size(), s.Stats().Bytes)
		require.LessOrEqual(t, d.size(), c.maxBytes)
	}
	assert.NotZero(t, s.Stats().Dropped)
	assert.Len(t, s.queue.unreadable, 2)
	d.keeps = "4" + badSuffix
	for range 20 {
		_, err := s.Write(make([]byte, 5000))
		require.NoError(t, err)
		require.Equal(t, d.size(), s.Stats().Bytes)
	}
	assert.Len(t, s.queue.unreadable, 1)
}
