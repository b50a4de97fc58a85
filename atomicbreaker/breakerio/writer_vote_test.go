// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// A busy sink says nothing about its health.
func TestWriter_BusyDoesNotVote(t *testing.T) {
	b := breaker()
	var fallback bytes.Buffer
	var diversions []breakerio.Diversion
	w := breakerio.NewWriter(b, sinkFunc(func([]byte) (int, error) { return 0, fmt.Errorf("queue: %w", breakerio.ErrBusy) }),
		&fallback, breakerio.WithOnDiverted(func(d breakerio.Diversion) { diversions = append(diversions, d) }))
	offer(t, w, 10)
	require.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot())
	require.Equal(t, breakerio.Stats{Fallback: 10, Busy: 10}, w.Stats())
	require.Len(t, diversions, 10)
	require.Equal(t, breakerio.Busy, diversions[0].Reason)
	require.ErrorIs(t, diversions[0].Err, breakerio.ErrBusy)
}

// A record that makes both sides panic is at fault itself, so a healthy sink stays in use.
func TestWriter_RecordThatPanicsBothSidesDoesNotVote(t *testing.T) {
	b := breaker()
	taken := 0
	side := sinkFunc(func(p []byte) (int, error) {
		if string(p) == "bad\n" {
			panic("MarshalLogObject")
		}
		taken++
		return len(p), nil
	})
	lost := 0
	w := breakerio.NewWriter(b, side, side, breakerio.WithOnLost(func([]byte, error) { lost++ }),
		breakerio.WithOnOutage(func(breakerio.Outage) { t.Error("an outage") }))
	for range 10 {
		_, err := io.WriteString(w, "bad\n")
		require.ErrorContains(t, err, "primary: panicked: MarshalLogObject; fallback: panicked: MarshalLogObject")
	}
	require.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot())
	_, err := io.WriteString(w, "good\n")
	require.NoError(t, err)
	require.Equal(t, []int{1, 10}, []int{taken, lost})
	require.Equal(t, breakerio.Stats{Lost: 10, Panicked: 10}, w.Stats())
}

// Without a fallback to compare with, a panic counts as a failure.
func TestWriter_PanicWithoutFallbackVotes(t *testing.T) {
	b := breaker()
	w := breakerio.NewWriter(b, sinkFunc(func([]byte) (int, error) { panic("broken") }), nil,
		breakerio.WithOnLost(func([]byte, error) {}))
	for range 3 {
		_, err := io.WriteString(w, "record\n")
		require.ErrorIs(t, err, breakerio.ErrNoFallback)
	}
	require.Equal(t, atomicbreaker.Open, b.State())
}

// Two writers share a breaker. Writes to the closed writer neither count as failures nor reach its
// sinks.
func TestWriter_StrayWritesDoNotVote(t *testing.T) {
	b := breaker()
	var reopened, primary, fallback bytes.Buffer
	ended := breakerio.NewWriter(b, &reopened, &reopened)
	w := breakerio.NewWriter(b, &primary, &fallback)
	require.NoError(t, ended.Close())
	for range 5 {
		n, err := io.WriteString(ended, "stray\n")
		require.Zero(t, n)
		require.ErrorIs(t, err, fs.ErrClosed)
		require.EqualError(t, err, `breakerio: "sink": file already closed`)
	}
	require.ErrorIs(t, ended.Sync(), fs.ErrClosed)
	_, err := io.WriteString(w, "record\n")
	require.NoError(t, err)
	require.Equal(t, "record\n", primary.String())
	require.Zero(t, reopened.Len()+fallback.Len())
	require.Equal(t, breakerio.Stats{}, ended.Stats())
}

// A write that began before Close does not vote, whatever its result.
func TestWriter_WritesUnderWayAtCloseDoNotVote(t *testing.T) {
	for name, result := range map[string]func() (int, error){
		"fails":    func() (int, error) { return 0, fs.ErrClosed },
		"panics":   func() (int, error) { panic("closed") },
		"succeeds": func() (int, error) { return 7, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2))
				b.RecordFailure()
				before := b.Snapshot()
				enter := make(chan struct{})
				w := breakerio.NewWriter(b, sinkFunc(func([]byte) (int, error) {
					<-enter
					return result()
				}), io.Discard)
				done := make(chan struct{})
				go func() {
					defer close(done)
					_, _ = io.WriteString(w, "record\n")
				}()
				synctest.Wait()
				require.NoError(t, w.Close())
				close(enter)
				<-done
				require.Equal(t, before, b.Snapshot())
			})
		})
	}
}

// A sink trips its own breaker during a write, and an operator resets the breaker: that is one
// outage, with its cause.
func TestWriter_TripInsideTheWriteIsAnOutage(t *testing.T) {
	errLimit := errors.New("429 Too Many Requests")
	b := breaker()
	limited := true
	var outages []breakerio.Outage
	w := breakerio.NewWriter(b, sinkFunc(func(p []byte) (int, error) {
		if limited {
			b.TripFor(time.Hour)
			return 0, errLimit
		}
		return len(p), nil
	}), io.Discard, breakerio.WithOnOutage(func(o breakerio.Outage) { outages = append(outages, o) }))
	offer(t, w, 101)
	limited = false
	b.Reset()
	offer(t, w, 1)
	require.Len(t, outages, 1)
	require.Equal(t, uint64(101), outages[0].Fallback)
	require.ErrorIs(t, outages[0].Cause, errLimit)
	require.Equal(t, breakerio.Stats{Fallback: 101, Rejected: 100, Failed: 1, Outages: 1}, w.Stats())
}

// Slow successes are counted.
func TestWriter_CountsSlowWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(20), atomicbreaker.WithSlowThreshold(time.Second))
		w := breakerio.NewWriter(b, sinkFunc(func(p []byte) (int, error) {
			time.Sleep(2 * time.Second)
			return len(p), nil
		}), io.Discard)
		offer(t, w, 20)
		require.Equal(t, atomicbreaker.Open, b.State())
		require.Equal(t, breakerio.Stats{Slow: 20}, w.Stats())
	})
}

// A probe with an inconclusive result does not begin an outage. A record that is rejected
// afterwards does.
func TestWriter_OutageOfRecordsTurnedAwayHalfOpen(t *testing.T) {
	b := breaker(atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(0))
	result := context.Canceled
	var outages []breakerio.Outage
	w := breakerio.NewWriter(b, sinkFunc(func(p []byte) (int, error) {
		return len(p), result
	}), io.Discard, breakerio.WithOnOutage(func(o breakerio.Outage) { outages = append(outages, o) }))
	b.Trip()
	offer(t, w, 1)
	other, admitted := b.TryAcquire()
	require.True(t, admitted)
	offer(t, w, 1)
	other.Success()
	require.Equal(t, atomicbreaker.Closed, b.State())
	result = nil
	offer(t, w, 1)
	require.Len(t, outages, 1)
	require.Equal(t, uint64(2), outages[0].Fallback)
	require.NoError(t, outages[0].Cause)
}
