// SPDX-License-Identifier: Apache-2.0

package breakerzap_test

import (
	"errors"
	"fmt"
	"io"
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

var errDown = errors.New("down")

// scripted is a WriteSyncer that follows a script, one step per record.
type scripted struct {
	mu     sync.Mutex
	script []int
	taken  strings.Builder
	syncs  int
}

func (s *scripted) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := 0
	if len(s.script) > 0 {
		step, s.script = s.script[0], s.script[1:]
	}
	switch step {
	case 1:
		return 0, errDown
	case 2:
		return len(p) / 2, nil
	case 3:
		panic("broken")
	}
	return s.taken.Write(p)
}

func (s *scripted) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.syncs++
	return nil
}

func encoder() zapcore.Encoder {
	return zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "m"})
}

func breaker(recovery time.Duration) *atomicbreaker.Breaker {
	return atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(recovery))
}

func TestCore_IsOneToZap(t *testing.T) {
	b := breaker(time.Hour)
	primary, fallback := &scripted{script: []int{1, 1}}, &scripted{}
	core := breakerzap.NewCore(b, zapcore.NewCore(encoder(), primary, zap.WarnLevel), zapcore.NewCore(encoder(), fallback, zap.DebugLevel))
	require.Equal(t, zap.WarnLevel, zapcore.LevelOf(core))
	require.Nil(t, core.Check(zapcore.Entry{Level: zap.InfoLevel}, nil))
	logger := zap.New(core)
	logger.Info("not for the primary, so not for the fallback")
	require.NoError(t, logger.Sync())
	logger.Warn("one")
	logger.With(zap.Int("k", 1)).Warn("two")
	require.Equal(t, atomicbreaker.Open, b.State())
	require.Equal(t, "one\ntwo\t{\"k\": 1}\n", fallback.taken.String())
	require.NoError(t, logger.Sync())
	require.Equal(t, 1, primary.syncs, "not synced while the breaker is open")
	require.Equal(t, 2, fallback.syncs)
	none := breakerzap.NewCore(b, zapcore.NewCore(encoder(), primary, zap.WarnLevel), nil).With(nil)
	require.NoError(t, none.Sync())
	require.ErrorIs(t, none.Write(zapcore.Entry{}, nil), atomicbreaker.ErrRejected)
	require.Panics(t, func() { breakerzap.NewCore(nil, core, nil) })
}

func ExampleNewWriteSyncer() {
	collector, pipe := io.Pipe()
	_ = collector.Close()
	var file strings.Builder

	b := atomicbreaker.MustNew("collector", atomicbreaker.WithFailureThreshold(2))
	w := breakerzap.NewWriteSyncer(b, zapcore.AddSync(pipe), zapcore.AddSync(&file))
	logger := zap.New(zapcore.NewCore(encoder(), w, zap.InfoLevel))
	for range 4 {
		logger.Info("record")
	}
	fmt.Println(b.State(), "with", strings.Count(file.String(), "\n"), "records in the file and", w.Stats().Lost, "lost")
	// Output:
	// open with 4 records in the file and 0 lost
}

func TestCore_Enabled(t *testing.T) {
	core := breakerzap.NewCore(breaker(time.Hour), zapcore.NewCore(encoder(), &scripted{}, zap.WarnLevel), nil)
	require.False(t, core.Enabled(zap.InfoLevel))
	require.True(t, core.Enabled(zap.WarnLevel))
}

// Cores whose Write does not do what their Check decides would lose entries, or send them to sinks
// that reject them.
func TestNewCore_RefusesWhatWriteDoesNotWrite(t *testing.T) {
	plain := func() zapcore.Core { return zapcore.NewCore(encoder(), &scripted{}, zap.InfoLevel) }
	hooked := zapcore.RegisterHooks(plain(), func(zapcore.Entry) error { return nil })
	tee := zapcore.NewTee(plain(), plain())
	for _, bad := range []zapcore.Core{hooked, tee} {
		require.Panics(t, func() { breakerzap.NewCore(breaker(time.Hour), bad, plain()) })
		require.Panics(t, func() { breakerzap.NewCore(breaker(time.Hour), plain(), bad) })
	}
	heard := 0
	primary := &scripted{}
	core := breakerzap.NewCore(breaker(time.Hour), zapcore.NewCore(encoder(), primary, zap.InfoLevel), nil)
	zap.New(zapcore.RegisterHooks(core, func(zapcore.Entry) error { heard++; return nil })).Info("around it")
	require.Equal(t, 1, heard)
	require.Equal(t, "around it\n", primary.taken.String())
}
