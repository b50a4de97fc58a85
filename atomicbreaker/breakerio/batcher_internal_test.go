// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// The pool keeps as many chunks as were in use at once since the last trim, but no chunk that was
// made for a large record.
func TestPool_Trim(t *testing.T) {
	p := pool{size: 8}
	use := func(n int) {
		var chunks []*chunk
		for range n {
			chunks = append(chunks, p.get(1))
		}
		for _, c := range chunks {
			p.put(c)
		}
	}
	kept := func() (n int) {
		for c := p.free; c != nil; c = c.next {
			n++
		}
		return n
	}
	use(5)
	p.put(p.get(9))
	p.trim()
	require.Equal(t, 5, kept())
	use(2)
	p.trim()
	require.Equal(t, 2, kept())
	p.trim()
	require.Zero(t, kept())
}

type hung struct{ until chan struct{} }

func (h hung) Write(p []byte) (int, error) { <-h.until; return len(p), nil }

// A Sync that gave up leaves nothing behind, and after Close no timer refers to the Batcher.
func TestBatcher_Leaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := hung{make(chan struct{})}
		b := NewBatcher(NewWriter(atomicbreaker.MustNew("sink"), sink, nil))
		_, err := b.Write([]byte("record"))
		require.NoError(t, err)
		require.Error(t, b.Sync())
		require.Empty(t, b.waiters)
		close(sink.until)
		_, err = b.Write([]byte("record"))
		require.NoError(t, err)
		require.NoError(t, b.Close())
		require.False(t, b.timer.Stop(), "no goroutine is in run")
	})
}
