// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unopenedDisk is a disk whose files cannot be opened for a sync while fails is set.
type unopenedDisk struct {
	*fakeDisk
	fails atomic.Bool
	syncs atomic.Int64
}

var errTooMany = errors.New("too many open files")

func (d *unopenedDisk) Sync(name string) error {
	d.syncs.Add(1)
	if d.fails.Load() {
		return &fs.PathError{Op: "open", Path: name, Err: errTooMany}
	}
	return d.fakeDisk.Sync(name)
}

func syncConfig(mode Sync) config { return config{maxBytes: 1 << 20, segmentBytes: 4096, sync: mode} }

// requireDurable requires that each loss of power leaves so many records.
func requireDurable(t *testing.T, d *fakeDisk, records int) {
	t.Helper()
	losses := 0
	d.powerLosses(func(after *fakeDisk) {
		losses++
		s, err := load(crashDir, syncConfig(SyncNever), after)
		require.NoError(t, err)
		require.EqualValues(t, records, s.Stats().Records)
	})
	require.NotZero(t, losses)
}

// TestSync_AgainAfterAFailure syncs again after a sync that could not open the file. The Sync that
// returns no error has made the record durable.
func TestSync_AgainAfterAFailure(t *testing.T) {
	d := &unopenedDisk{fakeDisk: emptyDisk()}
	s, err := load(crashDir, syncConfig(SyncNever), d)
	require.NoError(t, err)
	_, err = s.Write([]byte("record\n"))
	require.NoError(t, err)
	d.fails.Store(true)
	require.ErrorIs(t, s.Sync(), errTooMany)
	require.ErrorIs(t, s.Sync(), errTooMany)
	d.fails.Store(false)
	require.NoError(t, s.Sync())
	requireDurable(t, d.fakeDisk, 1)
	before := d.syncs.Load()
	require.NoError(t, s.Sync())
	assert.Equal(t, before, d.syncs.Load(), "nothing is left to sync")
}

// TestSync_IntervalTriesAgain has a sync in the background fail. The next one needs no Write.
func TestSync_IntervalTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &unopenedDisk{fakeDisk: emptyDisk()}
		s, err := load(crashDir, syncConfig(SyncInterval(time.Second)), d)
		require.NoError(t, err)
		_, err = s.Write([]byte("record\n"))
		require.NoError(t, err)
		d.fails.Store(true)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		d.fails.Store(false)
		time.Sleep(time.Second)
		synctest.Wait()
		requireDurable(t, d.fakeDisk, 1)
		require.ErrorIs(t, s.Sync(), errTooMany, "of the sync in the background")
		require.NoError(t, s.Sync())
		before := d.syncs.Load()
		time.Sleep(time.Minute)
		assert.Equal(t, before, d.syncs.Load(), "nothing is left to sync")
		require.NoError(t, s.Close())
	})
}

// TestSync_LostData has a sync lose the data of a segment. Each Sync says so until its record is
// taken. Records after it are in another segment, and durable.
func TestSync_LostData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := emptyDisk()
		s, err := load(crashDir, syncConfig(SyncInterval(time.Second)), d)
		require.NoError(t, err)
		_, err = s.Write([]byte("first\n"))
		require.NoError(t, err)
		errIO := errors.New("input/output error")
		d.fails = func(o fakeOp) error {
			if o.kind == opSync && strings.HasSuffix(o.name, segmentSuffix) {
				return errIO
			}
			return nil
		}
		require.ErrorIs(t, s.Sync(), errIO)
		d.fails = nil
		_, err = s.Write([]byte("second\n"))
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.ErrorIs(t, s.Sync(), errIO)
		d.powerLosses(func(after *fakeDisk) {
			s, err := load(crashDir, syncConfig(SyncNever), after)
			require.NoError(t, err)
			require.NotZero(t, s.Stats().Records, "the second record is durable")
		})
		assert.EqualError(t, s.Sync(), "breakerspool: input/output error")
		crash := &crashRun{t: t, config: s.config, disk: d, spool: s}
		crash.replay(1, nil)
		require.EqualValues(t, 1, s.Stats().Records)
		require.NoError(t, s.Sync())
		requireDurable(t, d, 1)
		require.NoError(t, s.Close())
	})
}

// TestSync_LostAcknowledgments has a sync lose the data of a log. The next one writes how far the
// segment is taken once more.
func TestSync_LostAcknowledgments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := emptyDisk()
		s, err := load(crashDir, syncConfig(SyncNever), d)
		require.NoError(t, err)
		_, err = s.Write([]byte("first\nsecond\n"))
		require.NoError(t, err)
		crash := &crashRun{t: t, config: s.config, disk: d, spool: s}
		crash.replay(1, nil)
		d.fails = func(o fakeOp) error {
			if o.kind == opSync && strings.HasSuffix(o.name, ackSuffix) {
				return errFault
			}
			return nil
		}
		require.ErrorIs(t, s.Sync(), errFault)
		d.fails = nil
		require.NoError(t, s.Sync())
		requireDurable(t, d, 1)
	})
}
