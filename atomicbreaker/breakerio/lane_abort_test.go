// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// lateAbort is a sink whose writes hang until an Abort ends them. The first Abort ends the write at
// once but returns late.
type lateAbort struct {
	writes chan struct{} // receives one value per write that ends
	aborts int
	late   chan struct{}
}

func (s *lateAbort) Write([]byte) (int, error) {
	<-s.writes
	return 0, errDown
}

func (s *lateAbort) Abort() {
	s.aborts++
	s.writes <- struct{}{}
	if s.aborts == 1 {
		<-s.late
	}
}

// A sink that hangs again before its Abort has returned is aborted again.
func TestLane_HangDuringAnAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &lateAbort{writes: make(chan struct{}, 1), late: make(chan struct{})}
		lane := breakerio.NewLane(sink, time.Second, breakerio.WithCloseOnHang())
		for range 2 {
			_, err := lane.Write([]byte("record\n"))
			require.ErrorIs(t, err, breakerio.ErrHung)
			synctest.Wait()
		}
		require.Equal(t, 1, sink.aborts)
		close(sink.late)
		synctest.Wait()
		require.Equal(t, 2, sink.aborts)
		require.Equal(t, uint64(2), lane.Late())
		require.NoError(t, lane.Close())
	})
}
