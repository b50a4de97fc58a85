// SPDX-License-Identifier: Apache-2.0

package breakerzap_test

import (
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzap"
)

// A panic in a hook or a user's function must not leave zapcore.Lock locked, which would block the
// logger.
func TestWriteSyncer_PanickingFunctionsUnderLock(t *testing.T) {
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0),
		atomicbreaker.WithOnHookPanic(func(atomicbreaker.Transition, any) {}),
		atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { panic("hook") }))
	primary, fallback := &scripted{script: []int{1, 3}}, &scripted{}
	w := breakerzap.NewWriteSyncer(b, primary, fallback,
		breakerio.WithOnDiverted(func(breakerio.Diversion) { panic("diverted") }),
		breakerio.WithOnOutage(func(breakerio.Outage) { panic("outage") }))
	logger := zap.New(zapcore.NewCore(encoder(), zapcore.Lock(w), zap.InfoLevel), quiet)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 4 {
			logger.Info("record")
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		require.FailNow(t, "the logger hangs")
	}
	require.Equal(t, strings.Repeat("record\n", 2), primary.taken.String())
	require.Equal(t, strings.Repeat("record\n", 2), fallback.taken.String())
}

// zap's BufferedWriteSyncer stops writing for good after an error. With WithLossAsSuccess it does
// not get one.
func TestWriteSyncer_LossAsSuccessBelowABuffer(t *testing.T) {
	primary, fallback := &scripted{script: []int{1}}, &scripted{script: []int{1}}
	w := breakerzap.NewWriteSyncer(breaker(time.Hour), primary, fallback, breakerio.WithLossAsSuccess(),
		breakerio.WithOnLost(func([]byte, error) {}))
	buffer := &zapcore.BufferedWriteSyncer{WS: w}
	logger := zap.New(zapcore.NewCore(encoder(), buffer, zap.InfoLevel), quiet)
	logger.Info("lost")
	require.NoError(t, logger.Sync())
	logger.Info("record")
	require.NoError(t, logger.Sync())
	require.NoError(t, buffer.Stop())
	require.Equal(t, "record\n", primary.taken.String())
	require.Equal(t, uint64(1), w.Stats().Lost)
}

type marshaler struct{}

func (marshaler) MarshalLogObject(zapcore.ObjectEncoder) error { panic("MarshalLogObject") }

// An object whose encoding panics does so in both cores. The sink is healthy and stays in use.
func TestCore_ObjectThatPanicsDoesNotVote(t *testing.T) {
	b := breaker(time.Hour)
	var lost []string
	primary := &scripted{}
	core := breakerzap.NewCore(b, zapcore.NewCore(encoder(), primary, zap.InfoLevel), zapcore.NewCore(encoder(), &scripted{}, zap.InfoLevel),
		breakerzap.WithOnLost(func(e zapcore.Entry, _ []zapcore.Field, _ error) { lost = append(lost, e.Message) }))
	logger := zap.New(core, quiet)
	for range 5 {
		logger.Info("bad", zap.Object("object", marshaler{}))
	}
	logger.Info("record")
	require.Equal(t, atomicbreaker.Snapshot{}, b.Snapshot())
	require.Len(t, lost, 5)
	require.Equal(t, "record\n", primary.taken.String())
	require.Equal(t, breakerio.Stats{Lost: 5, Panicked: 5}, core.Stats())
}

func TestCore_Options(t *testing.T) {
	down := &scripted{script: []int{1, 1, 1, 1}}
	b := breaker(time.Hour)
	var reasons []breakerio.Reason
	core := breakerzap.NewCore(b, zapcore.NewCore(encoder(), down, zap.InfoLevel), zapcore.NewCore(encoder(), &scripted{}, zap.InfoLevel),
		breakerzap.WithOnDiverted(func(d breakerio.Diversion) { reasons = append(reasons, d.Reason) }),
		breakerzap.WithRecordErrors(func(error) bool { return len(reasons) == 0 }))
	for range 4 {
		require.NoError(t, core.Write(zapcore.Entry{Message: "record"}, nil))
	}
	require.Equal(t, []breakerio.Reason{breakerio.RecordError, breakerio.Failed, breakerio.Failed, breakerio.Rejected}, reasons)

	core = breakerzap.NewCore(b, zapcore.NewNopCore(), nil, breakerzap.WithLossAsSuccess(),
		breakerzap.WithOnLost(func(zapcore.Entry, []zapcore.Field, error) {}))
	require.NoError(t, core.Write(zapcore.Entry{}, nil))
	require.Equal(t, breakerio.Stats{Lost: 1, Rejected: 1}, core.Stats())

	core = breakerzap.NewCore(breaker(time.Hour), zapcore.NewCore(encoder(), &scripted{script: []int{3}}, zap.InfoLevel), nil,
		breakerzap.WithRepanic(), breakerzap.WithOnLost(func(zapcore.Entry, []zapcore.Field, error) {}))
	require.PanicsWithValue(t, "broken", func() { _ = core.Write(zapcore.Entry{}, nil) })
}

func TestCore_Close(t *testing.T) {
	primary, fallback := &scripted{}, &scripted{}
	core := breakerzap.NewCore(breaker(time.Hour), zapcore.NewCore(encoder(), primary, zap.InfoLevel), zapcore.NewCore(encoder(), fallback, zap.InfoLevel))
	derived := core.With([]zapcore.Field{zap.Int("k", 1)})
	require.NoError(t, core.Close())
	require.Equal(t, []int{1, 1}, []int{primary.syncs, fallback.syncs})
	require.ErrorIs(t, derived.Write(zapcore.Entry{}, nil), fs.ErrClosed)
	require.ErrorIs(t, core.Sync(), fs.ErrClosed)
	require.Empty(t, primary.taken.String()+fallback.taken.String())
	var _ io.Closer = core
}

// A primary that fans out reports a failure of one sink for all sinks.
func TestNewWriteSyncer_RefusesAFanOut(t *testing.T) {
	multi := zapcore.NewMultiWriteSyncer(&scripted{}, &scripted{})
	require.Panics(t, func() { breakerzap.NewWriteSyncer(breaker(time.Hour), multi, nil) })
	require.NotPanics(t, func() { breakerzap.NewWriteSyncer(breaker(time.Hour), &scripted{}, multi) })
}
