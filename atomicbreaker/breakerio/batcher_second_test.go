// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// With two Batchers above one Writer, neither could know which batch is in flight, and closing one
// would lose the batches of the other.
func TestBatcher_SecondOfOneWriter(t *testing.T) {
	w := breakerio.NewWriter(breaker(), take{}, take{})
	b := breakerio.NewBatcher(w)
	require.PanicsWithValue(t, "breakerio: NewBatcher: the Writer has a Batcher already", func() { breakerio.NewBatcher(w) })
	require.NoError(t, b.Close())
}
