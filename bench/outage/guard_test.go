// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

var errSink = errors.New("the sink is down")

// writerFunc is a sink as a test wants it.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func failing([]byte) (int, error) { return 0, errSink }

// newGuard opens at the first failure and then stays open, unless options say otherwise.
func newGuard(primary, fallback io.Writer, opts ...atomicbreaker.Option) *guard {
	opts = append([]atomicbreaker.Option{atomicbreaker.WithFailureThreshold(1)}, opts...)
	return &guard{breaker: atomicbreaker.MustNew("test", opts...), primary: primary, fallback: fallback}
}

func TestGuardWritesToPrimary(t *testing.T) {
	var primary, fallback bytes.Buffer
	g := newGuard(&primary, &fallback)
	n, err := g.Write([]byte("a\n"))
	assert.NoError(t, err)
	assert.Equal(t, 2, n)
	assert.Equal(t, "a\n", primary.String())
	assert.Empty(t, fallback.String())
	assert.EqualValues(t, 1, g.accepted.Load())
}

// The record that trips the breaker is not lost with the sink that failed it, and the next ones do not try it.
func TestGuardDivertsInTheSameCall(t *testing.T) {
	calls := 0
	var fallback bytes.Buffer
	g := newGuard(writerFunc(func([]byte) (int, error) { calls++; return 0, errSink }), &fallback)
	for _, record := range []string{"a\n", "bc\n"} {
		n, err := g.Write([]byte(record))
		assert.NoError(t, err)
		assert.Equal(t, len(record), n)
	}
	assert.Equal(t, 1, calls)
	assert.Equal(t, "a\nbc\n", fallback.String())
	assert.Equal(t, atomicbreaker.Open, g.breaker.State())
	assert.EqualValues(t, 0, g.accepted.Load())
	assert.EqualValues(t, 2, g.diverted.Load())
	assert.EqualValues(t, 1, g.refused.Load())
	assert.EqualValues(t, 1, g.turnedAway.Load())
}

func TestGuardTakesAShortWriteForAFailure(t *testing.T) {
	var fallback bytes.Buffer
	g := newGuard(writerFunc(func(p []byte) (int, error) { return len(p) - 1, nil }), &fallback)
	n, err := g.Write([]byte("abc\n"))
	assert.NoError(t, err)
	assert.Equal(t, 4, n)
	assert.Equal(t, "abc\n", fallback.String(), "the whole record")
	assert.Equal(t, atomicbreaker.Open, g.breaker.State())
}

func TestGuardSaysSoWhenBothRefuse(t *testing.T) {
	errFull := errors.New("the disk is full")
	g := newGuard(writerFunc(failing), writerFunc(func([]byte) (int, error) { return 0, errFull }))

	n, err := g.Write([]byte("a\n"))
	assert.Zero(t, n)
	assert.ErrorIs(t, err, errSink)
	assert.ErrorIs(t, err, errFull)

	n, err = g.Write([]byte("b\n"))
	assert.Zero(t, n)
	assert.ErrorIs(t, err, atomicbreaker.ErrRejected)
	assert.ErrorIs(t, err, errFull)

	g.fallback = writerFunc(func([]byte) (int, error) { return 1, nil })
	_, err = g.Write([]byte("c\n"))
	assert.ErrorIs(t, err, io.ErrShortWrite)
	assert.EqualValues(t, 3, g.lost.Load())
	assert.EqualValues(t, 0, g.diverted.Load())
}

// A permit that is not settled would leave the breaker half-open until the probe timeout.
func TestGuardSettlesThePermitOfAProbe(t *testing.T) {
	outcomes := map[string]struct {
		primary writerFunc
		want    atomicbreaker.State
	}{
		"success": {func(p []byte) (int, error) { return len(p), nil }, atomicbreaker.Closed},
		"failure": {failing, atomicbreaker.Open},
		"panic":   {func([]byte) (int, error) { panic(errSink) }, atomicbreaker.Open},
	}
	for name, outcome := range outcomes {
		t.Run(name, func(t *testing.T) {
			g := newGuard(outcome.primary, io.Discard, atomicbreaker.WithRecoveryTimeout(0))
			g.breaker.Trip()
			func() {
				defer func() { _ = recover() }()
				_, _ = g.Write([]byte("a\n"))
			}()
			now := g.breaker.Snapshot()
			assert.Equal(t, outcome.want, now.State)
			assert.EqualValues(t, 3, now.Generation, "tripped, probed, settled")
			assert.Zero(t, now.HalfOpenCalls)
		})
	}
}
