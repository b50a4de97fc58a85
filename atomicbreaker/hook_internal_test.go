// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// A publisher may be overtaken between its swap and its access to the queue. Here publishers arrive
// in every order (I7).
func TestHooks_PublishersInEveryOrder(t *testing.T) {
	const n = 6
	for _, start := range []uint32{0, word.MaxGeneration - 3, word.MaxGeneration} {
		orders := 0
		permute([]uint32{1, 2, 3, 4, 5, 6}, func(order []uint32) {
			orders++
			var received []uint32
			h := newHooks([]func(Transition){func(tr Transition) { received = append(received, tr.Generation) }}, false, nil)
			h.startAfter(start)
			arrived := map[uint32]bool{}
			for _, g := range order {
				h.publish(Transition{Generation: (start + g) & word.MaxGeneration})
				arrived[g] = true
				ready := 0
				for arrived[uint32(ready+1)] {
					ready++
				}
				require.Len(t, received, ready, "%v: delivered out of order", order)
			}
			for i, g := range received {
				require.Equal(t, (start+uint32(i)+1)&word.MaxGeneration, g)
			}
			require.Len(t, received, n)
			require.Empty(t, h.early)
			require.Zero(t, h.pending.Load())
		})
		require.Equal(t, 720, orders)
	}
}

func TestHooks_SecondIsNotDeliveredBeforeFirst(t *testing.T) {
	for _, async := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var received []uint32
			h := newHooks([]func(Transition){func(tr Transition) { received = append(received, tr.Generation) }}, async, nil)
			h.publish(Transition{Generation: 2})
			synctest.Wait()
			require.Empty(t, received)
			h.publish(Transition{Generation: 1})
			synctest.Wait()
			require.Equal(t, []uint32{1, 2}, received)
		})
	}
}

// A publisher that has taken its place in the queue and not yet linked its node cuts off the nodes
// behind it. Their publishers return; the late publisher delivers for them.
func TestHooks_UnlinkedPublisherDeliversThoseBehindIt(t *testing.T) {
	var received []uint32
	h := newHooks([]func(Transition){func(tr Transition) { received = append(received, tr.Generation) }}, false, nil)
	slow := &delivery{transition: Transition{Generation: 1}}
	before := h.tail.Swap(slow) // the first step of publish, which is then interrupted
	h.publish(Transition{Generation: 2})
	h.publish(Transition{Generation: 3})
	require.Empty(t, received)
	before.next.Store(slow)
	require.Equal(t, uint32(1), h.pending.Inc())
	h.deliver()
	require.Equal(t, []uint32{1, 2, 3}, received)
}

// The queue keeps no reference to what has been delivered.
func TestHooks_DeliveredIsForgotten(t *testing.T) {
	h := newHooks([]func(Transition){func(Transition) {}}, false, nil)
	for g := range uint32(1000) {
		h.publish(Transition{Generation: g + 1})
	}
	require.Same(t, h.tail.Load(), h.head)
	require.Same(t, h.head, h.current)
	require.Nil(t, h.head.next.Load())
}

func permute(list []uint32, visit func([]uint32)) {
	var step func(n int)
	step = func(n int) {
		if n == len(list) {
			visit(list)
			return
		}
		for i := n; i < len(list); i++ {
			list[n], list[i] = list[i], list[n]
			step(n + 1)
			list[n], list[i] = list[i], list[n]
		}
	}
	step(0)
}

// A subscription starts between two transitions. An earlier transition whose publisher is late does
// not belong to it, and must not hold up the others.
func TestHooks_OlderThanTheStartIsDropped(t *testing.T) {
	for _, start := range []uint32{0, 1, 7, word.MaxGeneration - 1, word.MaxGeneration} {
		var received []uint32
		h := newHooks([]func(Transition){func(tr Transition) { received = append(received, tr.Generation) }}, false, nil)
		h.startAfter(start)
		of := func(distance int) uint32 { return (start + uint32(distance)) & word.MaxGeneration }
		for _, distance := range []int{-2, 2, 0, 3, -word.MaxGeneration / 2, 1, -1, 4, 0} {
			h.publish(Transition{Generation: of(distance)})
		}
		require.Equal(t, []uint32{of(1), of(2), of(3), of(4)}, received, "after %d", start)
		require.Empty(t, h.early)
		require.Zero(t, h.pending.Load())
	}
}
