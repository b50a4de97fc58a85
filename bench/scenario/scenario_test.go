// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct{ n, g int }{{1, 1}, {7, 1}, {7, 2}, {7, 7}, {3, 8}, {1000, 64}} {
		var turns, calls atomic.Int64
		ready := 0
		Spread(func(n int) { turns.Add(int64(n)); calls.Add(1) }, c.n, c.g, func() {
			ready++
			assert.Zero(t, calls.Load(), "%v", c)
		})
		assert.Equal(t, 1, ready)
		assert.EqualValues(t, c.n, turns.Load(), "%v", c)
		assert.EqualValues(t, c.g, calls.Load(), "%v", c)
	}
}

func TestMerge(t *testing.T) {
	loop := func() Loop { return nil }
	one := Loops{Pair: loop}
	require.Len(t, Merge(one, Loops{Do: loop}), 2)
	assert.Panics(t, func() { Merge(one, one) })
}
