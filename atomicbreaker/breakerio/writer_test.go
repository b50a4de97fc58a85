// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// An outage is reported once, with its cost, which includes the records that tripped the breaker
// and the failed probe.
func TestWriter_OneOutageIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := false
		primary := sinkFunc(func(p []byte) (int, error) {
			if down {
				return 0, errDown
			}
			return len(p), nil
		})
		var fallback bytes.Buffer
		var outages []breakerio.Outage
		w := breakerio.NewWriter(breaker(), primary, &fallback, breakerio.WithOnOutage(func(o breakerio.Outage) { outages = append(outages, o) }))
		say := func() {
			_, err := io.WriteString(w, "x")
			require.NoError(t, err)
		}
		down = true
		say() // a false alarm
		down = false
		say()
		time.Sleep(time.Hour)
		down = true
		began := time.Now()
		for range 10 {
			say()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		say() // the probe that fails
		say()
		require.Empty(t, outages)
		down = false
		time.Sleep(time.Second)
		synctest.Wait()
		say()
		say()
		require.Equal(t, []breakerio.Outage{{Name: "sink", Began: began, Duration: 2 * time.Second, Fallback: 12, Cause: errDown}}, outages)
		require.Equal(t, breakerio.Stats{Fallback: 13, Rejected: 8, Failed: 5, Outages: 1}, w.Stats())
		require.Equal(t, 13, fallback.Len())
	})
}

func TestWriter_RecordErrorsAndCancelledContextsNeverTrip(t *testing.T) {
	for name, err := range map[string]error{"record": errTooLarge, "canceled": context.Canceled} {
		t.Run(name, func(t *testing.T) {
			b := breaker()
			var fallback bytes.Buffer
			w := breakerio.NewWriter(b, sinkFunc(func([]byte) (int, error) { return 0, err }), &fallback,
				breakerio.WithRecordErrors(func(err error) bool { return errors.Is(err, errTooLarge) }))
			for range 100 {
				_, err := io.WriteString(w, "x")
				require.NoError(t, err)
			}
			require.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot())
			require.Equal(t, 100, fallback.Len())
		})
	}
}

func TestWriter_BothRefuse(t *testing.T) {
	errDisk := errors.New("disk full")
	var lost []string
	w := breakerio.NewWriter(breaker(), sinkFunc(func([]byte) (int, error) { return 0, errDown }),
		sinkFunc(func([]byte) (int, error) { return 0, errDisk }),
		breakerio.WithOnLost(func(p []byte, err error) {
			require.ErrorIs(t, err, errDisk)
			lost = append(lost, string(p))
		}))
	for i := range 5 {
		n, err := io.WriteString(w, string(rune('a'+i)))
		require.Zero(t, n)
		require.ErrorIs(t, err, errDisk)
		require.Equal(t, i < 3, errors.Is(err, errDown))
		require.Equal(t, i >= 3, errors.Is(err, atomicbreaker.ErrRejected))
	}
	require.Equal(t, "abcde", strings.Join(lost, ""))
	require.Equal(t, breakerio.Stats{Lost: 5, Rejected: 2, Failed: 3}, w.Stats())
}

func TestWriter_ShortWriteIsTorn(t *testing.T) {
	b := breaker()
	var fallback bytes.Buffer
	w := breakerio.NewWriter(b, sinkFunc(func(p []byte) (int, error) { return len(p) - 1, nil }), &fallback)
	n, err := io.WriteString(w, "record")
	require.NoError(t, err)
	require.Equal(t, 6, n)
	require.Equal(t, "record", fallback.String())
	require.Equal(t, breakerio.Stats{Fallback: 1, Failed: 1, Torn: 1}, w.Stats())
	require.Equal(t, 1, b.Snapshot().Failures)
	w = breakerio.NewWriter(b, sinkFunc(func(p []byte) (int, error) { return len(p) - 1, nil }), nil)
	_, err = io.WriteString(w, "record")
	require.ErrorIs(t, err, io.ErrShortWrite)
}

// A panic and a Goexit count as failures, and the record is in the fallback before the panic or
// Goexit continues.
func TestWriter_PanicAndGoexit(t *testing.T) {
	b := breaker()
	var fallback bytes.Buffer
	broken := sinkFunc(func([]byte) (int, error) { panic("broken") })
	_, err := io.WriteString(breakerio.NewWriter(b, broken, &fallback), "1")
	require.NoError(t, err)
	require.PanicsWithValue(t, "broken", func() {
		_, _ = io.WriteString(breakerio.NewWriter(b, broken, &fallback, breakerio.WithRepanic()), "2")
	})
	require.Equal(t, 2, b.Snapshot().Failures)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.WriteString(breakerio.NewWriter(b, sinkFunc(func([]byte) (int, error) {
			runtime.Goexit()
			return 0, nil
		}), &fallback), "3")
		fallback.WriteString("the goroutine went on")
	}()
	<-ended
	require.Equal(t, "123", fallback.String())
	require.Equal(t, atomicbreaker.Open, b.State())
}

type syncer struct {
	io.Writer
	name string
	did  *[]string
	err  error
}

func (s syncer) Sync() error  { *s.did = append(*s.did, "sync "+s.name); return s.err }
func (s syncer) Close() error { *s.did = append(*s.did, "close "+s.name); return s.err }

func TestWriter_SyncAndClose(t *testing.T) {
	var did []string
	errA, errB := errors.New("a"), errors.New("b")
	b := breaker()
	w := breakerio.NewWriter(b, syncer{io.Discard, "primary", &did, errA}, syncer{io.Discard, "fallback", &did, errB})
	err := w.Sync()
	require.ErrorIs(t, err, errA)
	require.ErrorIs(t, err, errB)
	require.Equal(t, []string{"sync fallback", "sync primary"}, did)
	require.Zero(t, b.Snapshot().Failures, "Sync has no vote")
	b.Trip()
	did = nil
	require.Equal(t, errB, w.Sync())
	require.Equal(t, []string{"sync fallback"}, did)
	did = nil
	err = w.Close()
	require.ErrorIs(t, err, errA)
	require.ErrorIs(t, err, errB)
	require.Equal(t, []string{"close primary", "close fallback"}, did)
	plain := breakerio.NewWriter(b, io.Discard, nil)
	require.NoError(t, plain.Sync())
	require.NoError(t, plain.Close())
}

// A failure that does not open the breaker does not begin an outage, even if the breaker is then
// forced closed.
func TestWriter_ForceClosedIsNoOutage(t *testing.T) {
	b := breaker()
	primary := &journal{down: true}
	w := breakerio.NewWriter(b, primary, io.Discard, breakerio.WithOnOutage(func(breakerio.Outage) { t.Error("an outage") }))
	_, _ = io.WriteString(w, "1")
	primary.set(false)
	b.ForceClosed()
	_, _ = io.WriteString(w, "2")
	require.Equal(t, breakerio.Stats{Fallback: 1, Failed: 1}, w.Stats())
}
