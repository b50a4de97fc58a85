// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// abortable counts its aborts.
type abortable struct {
	writerFunc
	aborts *int
}

func (a abortable) Abort() { *a.aborts++ }

// closable has only a Close, and counts its calls.
type closable struct {
	writerFunc
	closes *int
}

func (c closable) Close() error { *c.closes++; return nil }

// A sink that answers before the abort begins is left alone, because the abort would end the next,
// healthy write.
func TestLane_NoAbortOfASinkThatAnswered(t *testing.T) {
	take := writerFunc(func(p []byte) (int, error) { return len(p), nil })
	ends := 0
	for _, sink := range []io.Writer{abortable{take, &ends}, closable{take, &ends}} {
		l := NewLane(sink, time.Second, WithCloseOnHang())
		l.lane.aborting = true
		l.lane.abort()
		require.False(t, l.lane.aborting)
		require.Zero(t, ends)
	}
}
