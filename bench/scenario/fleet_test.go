// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFleet_Weighs(t *testing.T) {
	type block [4096]byte
	f := FleetOf[*block]{New: func(Scene) *block { return new(block) }, Fail: func(*block) {}}
	closed, open := f.Weigh(1)
	assert.InDelta(t, 4096, closed, 400)
	assert.InDelta(t, 4096, open, 400)
}
