// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestPhasesFillTheRun(t *testing.T) {
	assert.Equal(t, time.Duration(0), healthy.at(12*time.Second))
	for p := range phases {
		assert.Less(t, p.at(12*time.Second), (p + 1).at(12*time.Second), phaseNames[p])
	}
	assert.Equal(t, 12*time.Second, phases.at(12*time.Second))
	assert.Equal(t, 1800*time.Millisecond, hang.at(12*time.Second), "as the usage says: 15 %")
}
