// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Whoever opens the breaker may be overtaken before it has announced until when: the newest period's deadline stays,
// in whichever order they come, and across the wrap.
func TestTimer_NewestDeadlineStays(t *testing.T) {
	for _, start := range []uint32{0, word.MaxGeneration - 2, word.MaxGeneration} {
		permute([]uint32{1, 2, 3, 4, 5}, func(order []uint32) {
			b := MustNew("sink")
			for i, g := range order {
				b.announce(&deadline{generation: (start + g) & word.MaxGeneration})
				newest := uint32(0)
				for _, came := range order[:i+1] {
					newest = max(newest, came)
				}
				require.Equal(t, (start+newest)&word.MaxGeneration, b.deadline.Load().generation, "%v", order)
			}
		})
	}
}

func TestTimer_NewerAcrossTheWrap(t *testing.T) {
	const last, half = word.MaxGeneration, word.MaxGeneration / 2
	for _, tt := range []struct {
		a, b uint32
		want bool
	}{
		{1, 0, true},
		{0, 1, false},
		{7, 7, false},
		{0, last, true},
		{last, 0, false},
		{half, 0, true},
		{half + 1, 0, false},
		{last, half + 1, true},
	} {
		require.Equal(t, tt.want, newer(tt.a, tt.b), "%v", tt)
	}
}
