// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPhasesFillTheRun(t *testing.T) {
	assert.Equal(t, time.Duration(0), Healthy.At(12*time.Second))
	for p := range Phases {
		assert.Less(t, p.At(12*time.Second), (p + 1).At(12*time.Second), PhaseNames[p])
	}
	assert.Equal(t, 12*time.Second, Phases.At(12*time.Second))
	assert.Equal(t, 1800*time.Millisecond, Hang.At(12*time.Second), "as the usage says: 15 %")
}
