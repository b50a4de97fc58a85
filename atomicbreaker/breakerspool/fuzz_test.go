// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// sample is a spool directory: some segments. Some records contain a copy of the spool's own files.
func sample(tb testing.TB, dir string) (records []string) {
	tb.Helper()
	s := openSpool(tb, dir, breakerspool.WithSegmentBytes(4<<10))
	add := func(r string) {
		write(tb, s, r)
		records = append(records, r)
	}
	for i := range 4 {
		add(fmt.Sprintf("record %d\n", i))
	}
	for _, name := range segments(tb, dir) {
		copied, err := os.ReadFile(name)
		require.NoError(tb, err)
		add(string(copied))
	}
	for i := range 3 {
		add(fmt.Sprintf("large record %d %s\n", i, strings.Repeat("x", 1500)))
	}
	for i := range 3 {
		add(fmt.Sprintf("late record %d\n", i))
	}
	return records
}

// segments returns the names of the segments in a directory, oldest first.
func segments(tb testing.TB, dir string) []string {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	require.NoError(tb, err)
	require.NotEmpty(tb, names)
	return names
}

// held returns the records in a spool. Damage is no error.
func held(s *breakerspool.Spool) (records []string) {
	for r, err := range s.Records() {
		if err == nil {
			records = append(records, string(r.Data))
		}
	}
	return records
}

// requireInOrder checks that got is a part of want, in the same order.
func requireInOrder(tb testing.TB, want, got []string) {
	tb.Helper()
	i := 0
	for _, g := range got {
		for i < len(want) && want[i] != g {
			i++
		}
		require.Less(tb, i, len(want), "%q was not written, or is out of order", g)
		i++
	}
}

// fuzzNames are the names of files that the fuzzer makes.
var fuzzNames = []string{
	"0000000000000000.ack", "0000000000000000.new", "0000000000000001.bad", "0000000000000007.seg",
	"0000000000000009.ack", "3fffffffffffffff.tmp", "4000000000000000.seg", "7fffffffffffffff.seg",
	"8000000000000000.ack", "ffffffffffffffff.seg", "000000000000000A.seg", "core", "x.seg", ".seg",
}

// FuzzOpen damages a spool directory. Open succeeds, what it reads was written, in that order, and
// new records are kept.
func FuzzOpen(f *testing.F) {
	source := f.TempDir()
	var records []string
	f.Add([]byte(nil), []byte(nil))
	f.Add([]byte{0, 0, 0, 48, 0, 1, 1, 0, 100, 9, 5, 3, 0, 0, 0}, []byte("foreign"))
	f.Add([]byte{4, 0, 0, 9, 0, 6, 0, 0, 3, 0, 7, 0, 0, 2, 0}, []byte(nil))
	f.Add([]byte{3, 0, 0, 60, 0, 3, 1, 0, 20, 0, 2, 2, 0, 0, 255}, make([]byte, 100))
	f.Fuzz(func(t *testing.T, edits, foreign []byte) {
		if records == nil {
			records = sample(t, source)
		}
		dir := t.TempDir()
		for _, name := range segments(t, source) {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o600))
		}
		for ; len(edits) >= 5; edits = edits[5:] {
			mutilate(t, dir, edits, foreign)
		}
		opts := []breakerspool.Option{breakerspool.WithMinFree(0), breakerspool.WithSegmentBytes(4 << 10)}
		s, err := breakerspool.Open(dir, opts...)
		require.NoError(t, err)
		got := held(s)
		requireInOrder(t, records, got)
		const after = "a new record\n"
		write(t, s, after)
		got = append(got, after)
		require.Equal(t, got, held(s))
		require.NoError(t, s.Close())
		s, err = breakerspool.Open(dir, opts...)
		require.NoError(t, err)
		require.Equal(t, got, held(s))
		require.NoError(t, s.Close())
	})
}

// mutilate changes a directory as the five bytes say.
func mutilate(t *testing.T, dir string, edit, foreign []byte) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	require.NoError(t, err)
	other := filepath.Join(dir, fuzzNames[int(edit[3])%len(fuzzNames)])
	at := int(edit[2])<<8 | int(edit[3])
	switch kind := edit[0] % 8; kind {
	case 4:
		_ = os.WriteFile(other, foreign, 0o600)
	case 5:
		_ = os.Mkdir(other, 0o700)
	case 6:
		_ = os.Symlink(filepath.Join(dir, "core"), other)
	default:
		if len(segments) == 0 {
			return
		}
		name := segments[int(edit[1])%len(segments)]
		file, err := os.ReadFile(name)
		if err != nil || len(file) == 0 {
			return
		}
		at %= len(file)
		switch kind {
		case 0:
			file[at] ^= 1 << (edit[4] % 8)
		case 1:
			clear(file[at:min(at+int(edit[4])*16, len(file))])
		case 2:
			file = append(file[:at], foreign...)
		case 3:
			file = file[:at]
		default:
			file = append(file, foreign...)
		}
		_ = os.WriteFile(name, file, 0o600)
	}
}

// TestOpen_FlippedBit flips bits of the sample. A record that contains the copy of a segment does
// not become the records in that copy.
func TestOpen_FlippedBit(t *testing.T) {
	dir := t.TempDir()
	records := sample(t, dir)
	for n, name := range segments(t, dir) {
		whole, err := os.ReadFile(name)
		require.NoError(t, err)
		for bit := 0; bit < 8*min(len(whole), 400); bit += 31 {
			copied := t.TempDir()
			file := bytes.Clone(whole)
			file[bit/8] ^= 1 << (bit % 8)
			require.NoError(t, os.WriteFile(filepath.Join(copied, filepath.Base(name)), file, 0o600))
			s := openSpool(t, copied)
			got := held(s)
			requireInOrder(t, records, got)
			if bit/8 >= 48 {
				assert.EqualValues(t, 1, s.Stats().Corrupt, "segment %d, bit %d", n, bit)
			}
			require.NoError(t, s.Close())
		}
	}
}
