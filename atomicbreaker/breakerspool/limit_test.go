// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"errors"
	"io/fs"
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

// bytesBelow returns the size of all files below a directory, without the lock.
func bytesBelow(t *testing.T, dir string) (sum int64) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "lock" {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	}))
	return sum
}

// TestSpool_LimitCoversTheRejected fills a spool twice over with records that the sink refuses for
// good, and with large ones that it does not get. After each write the files are below the limit.
func TestSpool_LimitCoversTheRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 128 << 10
		dir := t.TempDir()
		s := openSpool(t, dir, breakerspool.WithMaxBytes(limit), breakerspool.WithSegmentBytes(16<<10))
		refused := errors.New("refused")
		b := newBreaker()
		stop := replay(t, s, b, &calls{does: func(int, []byte) (int, error) { return 0, refused }},
			breakerspool.WithRecordErrors(func(err error) bool { return errors.Is(err, refused) }))
		defer stop()
		for i := range 64 {
			if i == 32 {
				b.ForceOpen()
			}
			write(t, s, strings.Repeat("x", 8<<10)+"\n")
			synctest.Wait()
			require.LessOrEqual(t, bytesBelow(t, dir), int64(limit), "after %d writes", i+1)
			require.Equal(t, bytesBelow(t, dir), s.Stats().Bytes)
		}
		stats := s.Stats()
		assert.EqualValues(t, 64, stats.Records+stats.Dropped)
	})
}

// TestStats_BytesAfterRejectedIsEmptied deletes the records that an earlier process set aside.
func TestStats_BytesAfterRejectedIsEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openSpool(t, dir)
		sink := refuses(errMalformed, "bad")
		stop := replay(t, s, newBreaker(), sink, breakerspool.WithRecordErrors(isMalformed))
		write(t, s, "bad\n")
		synctest.Wait()
		stop()
		require.NoError(t, s.Close())
		s = openSpool(t, dir)
		found, err := filepath.Glob(filepath.Join(dir, "rejected", "*.seg"))
		require.NoError(t, err)
		for _, f := range found {
			require.NoError(t, os.Remove(f))
		}
		write(t, s, "a\n")
		time.Sleep(time.Minute)
		write(t, s, "a\n")
		assert.Equal(t, bytesBelow(t, dir), s.Stats().Bytes)
	})
}
