// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// If two probes must succeed, the first one does not end the outage.
func TestWriter_OutageEndsWhenTheBreakerCloses(t *testing.T) {
	b := breaker(atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithSuccessThreshold(2))
	failures := 3
	w := breakerio.NewWriter(b, sinkFunc(func(p []byte) (int, error) {
		if failures--; failures >= 0 {
			return 0, errDown
		}
		return len(p), nil
	}), &bytes.Buffer{})
	offer(t, w, 4)
	require.Equal(t, atomicbreaker.HalfOpen, b.State())
	require.Zero(t, w.Stats().Outages)
	offer(t, w, 1)
	require.Equal(t, uint64(1), w.Stats().Outages)
}

// If a user's function panics, the probe is still settled, as a failure.
func TestWriter_PanicInTheUsersFunctionSettlesThePermit(t *testing.T) {
	b := breaker(atomicbreaker.WithRecoveryTimeout(0))
	b.Trip()
	w := breakerio.NewWriter(b, sinkFunc(func([]byte) (int, error) { return 0, errDown }), io.Discard,
		breakerio.WithRecordErrors(func(error) bool { panic("is") }))
	_, err := io.WriteString(w, "x")
	require.NoError(t, err)
	require.Equal(t, atomicbreaker.Open, b.State())
	w = breakerio.NewWriter(b, sinkFunc(func([]byte) (int, error) { return 0, errDown }), io.Discard,
		breakerio.WithRecordErrors(func(error) bool { panic("is") }), breakerio.WithRepanic())
	require.PanicsWithValue(t, "is", func() { _, _ = io.WriteString(w, "x") })
	require.Equal(t, atomicbreaker.Open, b.State())
}
