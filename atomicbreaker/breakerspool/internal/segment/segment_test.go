// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var salt = Salt{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

// build returns a segment of the given records.
func build(records ...[]byte) []byte {
	file := AppendHeader(nil, salt)
	for i, data := range records {
		file = AppendFrame(file, salt.Sums(), int64(len(file)), int64(i), data)
	}
	return file
}

// read returns the records of a segment, and its damage.
func read(tb testing.TB, file []byte) (records [][]byte, damage []*DamageError) {
	tb.Helper()
	var r Reader
	r.Reset(bytes.NewReader(file), salt.Sums(), HeaderSize, int64(len(file)))
	for {
		f, err := r.Next()
		var d *DamageError
		switch {
		case err == io.EOF: //nolint:errorlint // not wrapped, as io.Reader's
			return records, damage
		case errors.As(err, &d):
			damage = append(damage, d)
		default:
			require.NoError(tb, err)
			records = append(records, bytes.Clone(f.Data))
		}
	}
}

func TestReader_RoundTrip(t *testing.T) {
	large := make([]byte, 3*readAhead)
	for i := range large {
		large[i] = byte(rand.Int32())
	}
	want := [][]byte{[]byte("a\n"), {}, large, []byte("b\n"), large[:readAhead], []byte("c")}
	got, damage := read(t, build(want...))
	assert.Empty(t, damage)
	require.Len(t, got, len(want))
	for i := range want {
		assert.True(t, bytes.Equal(want[i], got[i]), "record %d", i)
	}
}

// TestReader_EveryFlippedBit flips each bit of a segment in turn. One record at most is lost, and
// nothing is read that was not written.
func TestReader_EveryFlippedBit(t *testing.T) {
	want := [][]byte{[]byte("first\n"), build([]byte("inside\n")), []byte("last\n")}
	file := build(want...)
	for bit := HeaderSize * 8; bit < len(file)*8; bit++ {
		file[bit/8] ^= 1 << (bit % 8)
		got, damage := read(t, file)
		assert.Len(t, got, 2, "bit %d", bit)
		assert.Len(t, damage, 1, "bit %d", bit)
		for _, g := range got {
			assert.Contains(t, want, g, "bit %d", bit)
		}
		file[bit/8] ^= 1 << (bit % 8)
	}
}

// TestReader_EveryLength cuts a segment at each length. The records before the cut are read.
func TestReader_EveryLength(t *testing.T) {
	want := [][]byte{[]byte("first\n"), []byte("second\n"), []byte("last\n")}
	file := build(want...)
	whole := []int{HeaderSize, HeaderSize + 26, HeaderSize + 53, len(file)}
	for n := HeaderSize; n <= len(file); n++ {
		got, damage := read(t, file[:n])
		records := 0
		for records+1 < len(whole) && whole[records+1] <= n {
			records++
		}
		assert.Len(t, got, records, "%d bytes", n)
		if n == whole[records] {
			assert.Empty(t, damage, "%d bytes", n)
		} else if assert.Len(t, damage, 1, "%d bytes", n) {
			assert.Equal(t, DamageError{int64(whole[records]), int64(n), true}, *damage[0])
		}
	}
}

// TestReader_Extend reads a segment that grows by a frame after each one that is read. The bytes
// are read once.
func TestReader_Extend(t *testing.T) {
	file := build([]byte("a\n"), []byte("b\n"), []byte("c\n"))
	source := &countingSource{Reader: bytes.NewReader(file)}
	const frame = FrameHeaderSize + 2
	var r Reader
	r.Reset(source, salt.Sums(), HeaderSize, HeaderSize+2*frame)
	for i, want := range []string{"a\n", "b\n", "c\n"} {
		r.Extend(int64(HeaderSize + min(i+2, 3)*frame))
		f, err := r.Next()
		require.NoError(t, err)
		assert.Equal(t, want, string(f.Data))
	}
	_, err := r.Next()
	require.ErrorIs(t, err, io.EOF)
	assert.Equal(t, 3*frame, source.read)
}

// countingSource counts the bytes that are read.
type countingSource struct {
	*bytes.Reader
	read int
}

func (s *countingSource) ReadAt(p []byte, offset int64) (int, error) {
	n, err := s.Reader.ReadAt(p, offset)
	s.read += n
	return n, err
}

func TestHeader_EitherCopyOfTheSalt(t *testing.T) {
	header := AppendHeader(nil, salt)
	require.Len(t, header, HeaderSize)
	for bit := range HeaderSize * 8 {
		header[bit/8] ^= 1 << (bit % 8)
		got, ok := ParseHeader(header)
		assert.True(t, ok, "bit %d", bit)
		assert.Equal(t, salt, got, "bit %d", bit)
		header[bit/8] ^= 1 << (bit % 8)
	}
	header[8]++
	header[28]++
	_, ok := ParseHeader(header)
	assert.False(t, ok, "both copies are damaged")
	_, ok = ParseHeader(header[:HeaderSize-1])
	assert.False(t, ok, "too short")
	_, ok = ParseHeader(make([]byte, HeaderSize))
	assert.False(t, ok, "zeros")
}

func TestAck_LastOfTheLog(t *testing.T) {
	var log []byte
	var want Position
	for i := range 1000 {
		want = Position{HeaderSize + int64(i), uint32(i % 7)}
		log = AppendAck(log, salt.Sums(), int64(len(log)), want)
	}
	got, err := LastAck(bytes.NewReader(log), salt.Sums())
	require.NoError(t, err)
	assert.Equal(t, want, got)

	got, err = LastAck(bytes.NewReader(log[:len(log)-1]), salt.Sums())
	require.NoError(t, err)
	assert.Equal(t, Position{want.Offset - 1, (want.Taken + 6) % 7}, got, "a torn entry")

	got, err = LastAck(bytes.NewReader(log), Salt{}.Sums())
	require.NoError(t, err)
	assert.Equal(t, Position{Offset: HeaderSize}, got, "the log of another segment")

	got, err = LastAck(bytes.NewReader(append(make([]byte, AckSize), log...)), salt.Sums())
	require.NoError(t, err)
	assert.Equal(t, Position{Offset: HeaderSize}, got, "entries at other offsets")
}

func TestFrame_DoesNotAllocate(t *testing.T) {
	buf, data, sums := make([]byte, 0, 1<<10), make([]byte, 200), salt.Sums()
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		buf = AppendFrame(buf[:0], sums, 1<<40, 5, data)
	}))
}
