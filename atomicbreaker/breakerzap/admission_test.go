// SPDX-License-Identifier: Apache-2.0

package breakerzap_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzap"
)

// behaving is a core that counts its entries and then calls a function.
type behaving struct {
	zapcore.Core
	entries int
	does    func() error
}

func newBehaving() *behaving {
	return &behaving{Core: zapcore.NewNopCore(), does: func() error { return nil }}
}

func (c *behaving) Write(zapcore.Entry, []zapcore.Field) error {
	c.entries++
	return c.does()
}

func TestCore_SlowSinkTrips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew(
			"sink", atomicbreaker.WithFailureThreshold(3), atomicbreaker.WithSlowThreshold(time.Second),
		)
		primary, fallback := newBehaving(), newBehaving()
		c := breakerzap.NewCore(b, primary, fallback)
		for _, takes := range []time.Duration{time.Second, time.Second + 1, time.Second + 1, time.Second + 1} {
			primary.does = func() error { time.Sleep(takes); return nil }
			require.NoError(t, c.Write(zapcore.Entry{}, nil))
		}
		require.Equal(t, atomicbreaker.Open, b.State())
		require.Equal(t, [2]int{4, 0}, [2]int{primary.entries, fallback.entries})
	})
}

// In a dry run the primary gets every entry. A panic of the primary counts as a failure, not as a
// rejection.
func TestCore_DryRun(t *testing.T) {
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithDryRun())
	primary, fallback := newBehaving(), newBehaving()
	c := breakerzap.NewCore(b, primary, fallback)
	b.ForceOpen()
	require.NoError(t, c.Write(zapcore.Entry{}, nil))
	primary.does = func() error { return errDown }
	require.NoError(t, c.Write(zapcore.Entry{}, nil))
	primary.does = func() error { panic(errDown) }
	require.NotPanics(t, func() { require.NoError(t, c.Write(zapcore.Entry{}, nil)) })
	require.Equal(t, [2]int{3, 2}, [2]int{primary.entries, fallback.entries})
}
