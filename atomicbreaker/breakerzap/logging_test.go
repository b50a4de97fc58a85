// SPDX-License-Identifier: Apache-2.0

package breakerzap_test

import (
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzap"
)

// The asynchronous hook may log through the logger that it observes, although zapcore.Lock holds a
// mutex while it writes.
func TestWriteSyncer_AsyncHookLogsThroughTheGuardedLogger(t *testing.T) {
	var logger *zap.Logger
	hooked := make(chan struct{})
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithAsyncOnTransition(func(tr atomicbreaker.Transition) {
		logger.Info("now " + tr.To.String())
		close(hooked)
	}))
	var fallback scripted
	w := breakerzap.NewWriteSyncer(b, &scripted{script: []int{1, 1}}, &fallback)
	logger = zap.New(zapcore.NewCore(encoder(), zapcore.Lock(w), zap.InfoLevel))
	go func() {
		logger.Info("one")
		logger.Info("two")
	}()
	select {
	case <-hooked:
	case <-time.After(30 * time.Second):
		require.FailNow(t, "the logger deadlocks")
	}
	require.Equal(t, "one\ntwo\nnow open\n", fallback.taken.String())
}

// Several guarded cores below one logger, used in parallel: each record acquires one permit from
// each breaker, so all of them recover.
func TestCore_FanOutRecovers(t *testing.T) {
	var breakers []*atomicbreaker.Breaker
	var primaries []*scripted
	var cores []zapcore.Core
	for range 3 {
		b, primary := breaker(0), &scripted{script: []int{1, 1}}
		breakers, primaries = append(breakers, b), append(primaries, primary)
		cores = append(cores, breakerzap.NewCore(b, zapcore.NewCore(encoder(), primary, zap.InfoLevel),
			zapcore.NewCore(encoder(), &scripted{}, zap.InfoLevel)))
	}
	tee := zap.New(zapcore.NewTee(cores...))
	tee.Info("down")
	tee.Info("down")
	var wg sync.WaitGroup
	for _, core := range cores {
		wg.Go(func() { zap.New(core).Info("up") })
	}
	wg.Wait()
	tee.Info("healthy")
	for i, b := range breakers {
		require.Equal(t, atomicbreaker.Closed, b.State())
		require.Equal(t, "up\nhealthy\n", primaries[i].taken.String())
	}
}

// Routing by level still uses the fallback.
func TestCore_RoutingKeepsTheFallback(t *testing.T) {
	b := breaker(time.Hour)
	primary := &scripted{script: []int{1, 1}}
	low, high := &scripted{}, &scripted{}
	route := func(fallback *scripted, enabled func(zapcore.Level) bool) zapcore.Core {
		return breakerzap.NewCore(b, zapcore.NewCore(encoder(), primary, zap.LevelEnablerFunc(enabled)),
			zapcore.NewCore(encoder(), fallback, zap.DebugLevel))
	}
	logger := zap.New(zapcore.NewTee(
		route(low, func(l zapcore.Level) bool { return l < zap.ErrorLevel }),
		route(high, func(l zapcore.Level) bool { return l >= zap.ErrorLevel })))
	for range 3 {
		logger.Info("low")
		logger.Error("high")
	}
	require.Equal(t, strings.Repeat("low\n", 3), low.taken.String())
	require.Equal(t, strings.Repeat("high\n", 3), high.taken.String())
	require.Empty(t, primary.taken.String())
}

// greedy is a core whose With writes into the slice of fields that it gets, which it owns.
type greedy struct{ zapcore.Core }

func (g greedy) With(fields []zapcore.Field) zapcore.Core {
	derived := greedy{g.Core.With(fields)}
	for i := range fields {
		fields[i] = zap.String("spoilt", "")
	}
	return derived
}

func TestCore_WithGivesEachItsOwnSlice(t *testing.T) {
	fallback := &scripted{}
	core := breakerzap.NewCore(breaker(time.Hour), greedy{zapcore.NewNopCore()}, greedy{zapcore.NewCore(encoder(), fallback, zap.InfoLevel)})
	primary := &scripted{}
	core = breakerzap.NewCore(breaker(time.Hour), zapcore.NewCore(encoder(), primary, zap.InfoLevel), core)
	zap.New(core).With(zap.Int("k", 1)).Info("record")
	require.Equal(t, "record\t{\"k\": 1}\n", primary.taken.String())
}

// The Check of a primary that takes only some of the entries it is enabled for is called.
func TestCore_AsksASampler(t *testing.T) {
	primary, fallback := &scripted{}, &scripted{}
	sampler := zapcore.NewSamplerWithOptions(zapcore.NewCore(encoder(), primary, zap.InfoLevel), time.Hour, 1, 0)
	logger := zap.New(breakerzap.NewCore(breaker(time.Hour), sampler, zapcore.NewCore(encoder(), fallback, zap.InfoLevel)))
	for range 3 {
		logger.Info("record")
	}
	require.Equal(t, "record\n", primary.taken.String())
	require.Empty(t, fallback.taken.String())
}

// Neither a healthy record nor a rejected one costs an allocation beyond those of zap.
func TestCost_NothingAllocates(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "-race" && setting.Value == "true" {
				t.Skip("the race detector's instrumentation is not the library's cost")
			}
		}
	}
	discard := zapcore.AddSync(io.Discard)
	bare := zapcore.NewCore(encoder(), discard, zap.InfoLevel)
	for _, state := range []string{"healthy", "rejected"} {
		b := breaker(time.Hour)
		if state == "rejected" {
			b.Trip()
		}
		w := breakerzap.NewWriteSyncer(b, discard, discard)
		for name, core := range map[string]zapcore.Core{
			"write syncer": zapcore.NewCore(encoder(), w, zap.InfoLevel),
			"core":         breakerzap.NewCore(b, bare, bare),
		} {
			t.Run(name+" "+state, func(t *testing.T) {
				logger, plain := zap.New(core), zap.New(bare)
				logger.Info("the first of an outage")
				want := testing.AllocsPerRun(1000, func() { plain.Info("record") })
				require.Equal(t, want, testing.AllocsPerRun(1000, func() { logger.Info("record") }))
			})
		}
	}
}
