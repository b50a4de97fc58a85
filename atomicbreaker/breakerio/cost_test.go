// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"io"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// skipUnderRace skips a cost test when it would measure the race detector.
func skipUnderRace(t *testing.T) {
	t.Helper()
	info, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	for _, setting := range info.Settings {
		if setting.Key == "-race" && setting.Value == "true" {
			t.Skip("the race detector's instrumentation is not the library's cost")
		}
	}
}

// take is a sink that takes everything; refuse is a sink that takes nothing.
type (
	take   struct{}
	refuse struct{}
)

//go:noinline
func (take) Write(p []byte) (int, error) { return len(p), nil }
func (refuse) Write([]byte) (int, error) { return 0, errDown }

func TestCost_NothingAllocates(t *testing.T) {
	skipUnderRace(t)
	held := []atomicbreaker.Option{atomicbreaker.WithRecoveryTimeout(24 * time.Hour), atomicbreaker.WithFailureThreshold(65535)}
	record := []byte("a record\n")
	for name, c := range map[string]struct {
		primary, fallback io.Writer
		prepare           func(*atomicbreaker.Breaker)
		err               error
	}{
		"healthy":                     {take{}, take{}, func(*atomicbreaker.Breaker) {}, nil},
		"forced closed":               {take{}, take{}, (*atomicbreaker.Breaker).ForceClosed, nil},
		"rejected while open":         {take{}, take{}, (*atomicbreaker.Breaker).Trip, nil},
		"rejected while forced open":  {take{}, take{}, (*atomicbreaker.Breaker).ForceOpen, nil},
		"rejected, no fallback":       {take{}, nil, (*atomicbreaker.Breaker).Trip, atomicbreaker.ErrRejected},
		"failing, in the same outage": {refuse{}, take{}, (*atomicbreaker.Breaker).RecordFailure, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := atomicbreaker.MustNew("sink", held...)
			c.prepare(b)
			w := breakerio.NewWriter(b, c.primary, c.fallback)
			require.Zero(t, testing.AllocsPerRun(200, func() {
				_, err := w.Write(record)
				if (err != nil) != (c.err != nil) {
					panic(err)
				}
			}))
			_, err := w.Write(record)
			require.ErrorIs(t, err, c.err)
		})
	}
	t.Run("lane", func(t *testing.T) {
		l := breakerio.NewLane(take{}, time.Minute)
		defer func() { require.NoError(t, l.Close()) }()
		require.Zero(t, testing.AllocsPerRun(2000, func() { _, _ = l.Write(record) }))
	})
}

var sinkN int

// The healthy path compared with its parts: a write and a permit.
func BenchmarkWriter(b *testing.B) {
	record := []byte("a record\n")
	breaker := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(24*time.Hour))
	var primary io.Writer = take{}
	b.Run("impl=bare", func(b *testing.B) {
		for b.Loop() {
			sinkN, _ = primary.Write(record)
		}
	})
	b.Run("impl=permit", func(b *testing.B) {
		for b.Loop() {
			p, _ := breaker.TryAcquire()
			sinkN, _ = primary.Write(record)
			p.Success()
		}
	})
	w := breakerio.NewWriter(breaker, primary, take{})
	b.Run("impl=writer", func(b *testing.B) {
		for b.Loop() {
			sinkN, _ = w.Write(record)
		}
	})
	b.Run("impl=lane", func(b *testing.B) {
		l := breakerio.NewLane(primary, time.Minute)
		defer func() { _ = l.Close() }()
		for b.Loop() {
			sinkN, _ = l.Write(record)
		}
	})
	breaker.Trip()
	b.Run("impl=rejected", func(b *testing.B) {
		for b.Loop() {
			sinkN, _ = w.Write(record)
		}
	})
}
