// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// spooling is a trial whose spool has so many records.
func spooling(t *testing.T, records int) *trial {
	t.Helper()
	s := defaults()
	s.Sink = sink.Endpoint{Kind: sink.File, Where: "not opened"}
	tr := trialOf(t, s, atomicBreaker)
	fallback, err := tr.openFallback()
	require.NoError(t, err)
	t.Cleanup(func() { _ = fallback.Close() })
	for seq := range records {
		_, err := fallback.Write([]byte(kept(seq)))
		require.NoError(t, err)
	}
	return tr
}

// The spool takes what the sink does not, and Replay brings it back when the sink is, in order.
func TestAtomicBreakerReplaysItsSpool(t *testing.T) {
	const records = 3 * failureThreshold
	synctest.Test(t, func(t *testing.T) {
		tr := spooling(t, 0)
		defer func() { _ = tr.spool.Close() }()
		isDown := true
		var replayed bytes.Buffer
		g := newAtomicBreaker(parts{
			breakers: breakers.NewRegistry(),
			options:  new(settings).breakerOptions(),
			primary:  writerFunc(func([]byte) (int, error) { return 0, errSink }),
			fallback: tr.spool,
			spool:    tr.spool,
			replayTo: writerFunc(func(p []byte) (int, error) {
				if isDown {
					return 0, errSink
				}
				return replayed.Write(p)
			}),
			replay:   tr.replayOptions(tr.Sink),
			timeout:  time.Second,
			changed:  func(string, string) {},
			diverted: func(measure.Reason) {},
		})
		defer g.close()
		log := g.logger("zap", 1)
		for seq := range uint64(records) {
			log(seq)
		}
		assert.EqualValues(t, records, tr.backlog())

		stop := inBackground(g.replay)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		assert.EqualValues(t, records, tr.backlog(), "the sink is still down")
		isDown = false
		assert.True(t, tr.awaitEmpty(t.Context(), time.Minute))
		stop()
		seen := make(measure.Tally, records)
		found, err := measure.ReadRecords(bytes.NewReader(replayed.Bytes()), seen, time.Second)
		require.NoError(t, err)
		assert.Equal(t, measure.Contents{Records: records}, found)
		assert.NotContains(t, seen, uint8(0))
	})
}

// Only a sink that takes lines gets several records in a write.
func TestReplayBatchesLines(t *testing.T) {
	for kind, want := range map[sink.Kind]int{
		sink.Loki: 1, sink.TCP: 1, sink.File: 1, sink.Syslog: 3,
	} {
		tr := spooling(t, 3)
		writes := 0
		client := writerFunc(func(p []byte) (int, error) {
			writes++
			return len(p), nil
		})
		require.NoError(t, tr.deliverEarlier(t.Context(), sink.Endpoint{Kind: kind}, client))
		assert.Equal(t, want, writes)
	}
}

// A run begins with an empty spool: its records have the same numbers as those of the earlier run.
func TestTrialDeliversWhatAnEarlierRunLeft(t *testing.T) {
	tr := spooling(t, 3)
	var taken bytes.Buffer
	require.NoError(t, tr.deliverEarlier(t.Context(), tr.Sink, &taken))
	assert.Equal(t, kept(0)+kept(1)+kept(2), taken.String())
	assert.Zero(t, tr.backlog())
	assert.Zero(t, tr.counters.Now().Replayed, "they are not of this run")

	tr = spooling(t, 2)
	ctx, cancel := context.WithCancel(t.Context())
	err := tr.deliverEarlier(ctx, tr.Sink, writerFunc(func([]byte) (int, error) {
		cancel()
		return 0, errSink
	}))
	assert.EqualError(t, err,
		fmt.Sprintf("2 records of an earlier run are still in %s: is the sink up?", tr.spoolDir))
}

// The wait for an empty spool ends.
func TestTrialDoesNotWaitForeverForItsSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := spooling(t, 1)
		defer func() { _ = tr.spool.Close() }()
		began := time.Now()
		assert.False(t, tr.awaitEmpty(t.Context(), tr.graceToDrain()))
		assert.Equal(t, tr.Duration/2+30*time.Second, time.Since(began))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		assert.False(t, tr.awaitEmpty(ctx, time.Hour))
		assert.Equal(t, tr.Duration/2+30*time.Second, time.Since(began), "interrupted")
	})
}

// A record that the sink refuses for good is set aside. It is found there, if it is of this run.
func TestTrialFindsTheRecordsThatTheSinkRefused(t *testing.T) {
	tr := spooling(t, 3)
	b := atomicbreaker.MustNew("test")
	stop := inBackground(func(ctx context.Context) error {
		return tr.spool.Replay(ctx, b, writerFunc(func(p []byte) (int, error) {
			if bytes.Contains(p, []byte(`"seq":1}`)) {
				return 0, &sink.StatusError{Code: http.StatusBadRequest, Text: "too old"}
			}
			return len(p), nil
		}), tr.replayOptions(tr.Sink)...)
	})
	assert.True(t, tr.awaitEmpty(t.Context(), time.Minute))
	stop()

	seen := make(measure.Tally, 3)
	found, err := tr.readSpool(seen)
	require.NoError(t, err)
	assert.Equal(t, measure.Contents{Records: 1}, found)
	assert.Equal(t, measure.Tally{0, 1, 0}, seen)

	tr.began = time.Now().Add(time.Hour)
	found, err = tr.readSpool(seen)
	require.NoError(t, err)
	assert.Zero(t, found, "of an earlier run")
}

// A spool that another process has open is an error, and not a run without a spool.
func TestTrialWhoseSpoolIsInUse(t *testing.T) {
	tr := spooling(t, 0)
	other := trialOf(t, tr.settings, atomicBreaker)
	other.spoolDir = tr.spoolDir
	_, err := other.run(t.Context())
	assert.ErrorIs(t, err, breakerspool.ErrInUse)
}
