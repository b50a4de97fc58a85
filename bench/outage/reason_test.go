// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestByReason(t *testing.T) {
	assert.Equal(t, "-", byReason{}.chief())
	assert.Empty(t, byReason{}.String())
	c := byReason{rejected: 5, busy: 60_000_000, hung: 100_000}
	assert.Equal(t, "busy", c.chief())
	assert.Equal(t, "5 rejected, 100k hung, 60.0M busy", c.String())
	assert.EqualValues(t, 60_100_005, c.sum())
	assert.Equal(t, byReason{rejected: 1, busy: 59_999_999, hung: 99_999}, c.minus(byReason{4, 0, 1, 1, 0}))
	for n, want := range map[uint64]string{
		0: "0", 99_999: "99999", 100_000: "100k", 999_499: "999k", 999_500: "1.0M", 60_000_000: "60.0M",
	} {
		assert.Equal(t, want, compact(n))
	}
}
