// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// Close does not wait for a call that hangs, and its error does not mention a timeout.
func TestLane_CloseWithAStuckCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newValve()
		lane := breakerio.NewLane(sink, 100*time.Millisecond)
		_, err := io.WriteString(lane, "record\n")
		require.ErrorIs(t, err, breakerio.ErrHung)
		began := time.Now()
		err = lane.Close()
		require.Zero(t, time.Since(began))
		require.ErrorIs(t, err, breakerio.ErrHung)
		require.EqualError(t, err, "breakerio: lane: sink not closed yet: a call hangs")
		sink.open()
	})
}
