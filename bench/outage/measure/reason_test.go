// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestByReason(t *testing.T) {
	assert.Equal(t, "-", ByReason{}.Chief())
	assert.Empty(t, ByReason{}.String())
	c := ByReason{Rejected: 5, Busy: 60_000_000, Hung: 100_000}
	assert.Equal(t, "busy", c.Chief())
	assert.Equal(t, "5 rejected, 100k hung, 60.0M busy", c.String())
	assert.EqualValues(t, 60_100_005, c.Sum())
	assert.Equal(t, ByReason{Rejected: 1, Busy: 59_999_999, Hung: 99_999},
		c.minus(ByReason{4, 0, 1, 1, 0}))
	for n, want := range map[uint64]string{
		0: "0", 99_999: "99999", 100_000: "100k", 999_499: "999k",
		999_500: "1.0M", 60_000_000: "60.0M",
	} {
		assert.Equal(t, want, Compact(n))
	}
}
