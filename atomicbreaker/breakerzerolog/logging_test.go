// SPDX-License-Identifier: Apache-2.0

package breakerzerolog_test

import (
	"io"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzerolog"
)

// The asynchronous hook may log through the logger that it observes, although zerolog.SyncWriter
// holds a mutex while it writes.
func TestLevelWriter_AsyncHookLogsThroughTheGuardedLogger(t *testing.T) {
	var logger zerolog.Logger
	hooked := make(chan struct{})
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithAsyncOnTransition(func(tr atomicbreaker.Transition) {
		logger.Log().Str("to", tr.To.String()).Send()
		close(hooked)
	}))
	var fallback scripted
	logger = zerolog.New(zerolog.SyncWriter(breakerzerolog.NewLevelWriter(b, &scripted{script: []int{1, 1}}, &fallback)))
	go func() {
		logger.Log().Msg("one")
		logger.Log().Msg("two")
	}()
	select {
	case <-hooked:
	case <-time.After(30 * time.Second):
		require.FailNow(t, "the logger deadlocks")
	}
	require.Equal(t, "{\"message\":\"one\"}\n{\"message\":\"two\"}\n{\"to\":\"open\"}\n", fallback.taken.String())
}

// Several guarded writers below one logger, used in parallel: each record acquires one permit from
// each breaker, so all of them recover.
func TestLevelWriter_FanOutRecovers(t *testing.T) {
	var breakers []*atomicbreaker.Breaker
	var primaries []*scripted
	var writers []io.Writer
	for range 3 {
		b, primary := breaker(0), &scripted{script: []int{1, 1}}
		breakers, primaries = append(breakers, b), append(primaries, primary)
		writers = append(writers, breakerzerolog.NewLevelWriter(b, primary, &scripted{}))
	}
	all := zerolog.New(zerolog.MultiLevelWriter(writers...))
	all.Log().Msg("down")
	all.Log().Msg("down")
	var wg sync.WaitGroup
	for _, w := range writers {
		wg.Go(func() {
			logger := zerolog.New(w)
			logger.Log().Msg("up")
		})
	}
	wg.Wait()
	all.Log().Msg("healthy")
	for i, b := range breakers {
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Equal(t, "{\"message\":\"up\"}\n{\"message\":\"healthy\"}\n", primaries[i].taken.String())
	}
}

// zerolog closes its writer before it exits on Fatal.
func TestLevelWriter_FatalCloses(t *testing.T) {
	exit := zerolog.FatalExitFunc
	defer func() { zerolog.FatalExitFunc = exit }()
	exited := false
	zerolog.FatalExitFunc = func() { exited = true }
	primary, fallback := &scripted{}, &scripted{}
	logger := zerolog.New(breakerzerolog.NewLevelWriter(breaker(time.Hour), primary, fallback))
	logger.Fatal().Msg("the end")
	require.True(t, exited && primary.closed && fallback.closed)
	require.Contains(t, primary.taken.String(), "the end")
}

// Neither a healthy record nor a rejected one costs an allocation beyond those of zerolog.
func TestCost_NothingAllocates(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "-race" && setting.Value == "true" {
				t.Skip("the race detector's instrumentation is not the library's cost")
			}
		}
	}
	for _, state := range []string{"healthy", "rejected"} {
		t.Run(state, func(t *testing.T) {
			b := breaker(time.Hour)
			if state == "rejected" {
				b.Trip()
			}
			logger := zerolog.New(breakerzerolog.NewLevelWriter(b, io.Discard, io.Discard))
			logger.Info().Msg("the first of an outage")
			require.Zero(t, testing.AllocsPerRun(1000, func() { logger.Info().Int("n", 1).Msg("record") }))
			require.Zero(t, testing.AllocsPerRun(1000, func() { logger.Log().Msg("record") }))
			require.Zero(t, testing.AllocsPerRun(1000, func() { logger.WithLevel(42).Msg("record") }))
		})
	}
}
