// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestResultOfAPhase(t *testing.T) {
	r := mtRan(mtAtomic, counts{returned: 6000, diverted: 5990, tried: 9, failed: 9, probes: 3})
	took, c := r.during(hang)
	assert.Equal(t, 3*time.Second, took)
	assert.Equal(t, counts{returned: 6000, diverted: 5990, tried: 9, failed: 9, probes: 3}, c)
	assert.Equal(t, counts{tried: 16, probes: 5}, r.whileDown())

	r.marks[dead], r.marks[restarted] = mark{}, mark{} // a run that was cut short while the sink was back from its hang
	took, _ = r.during(dead)
	assert.Zero(t, took)
	took, _ = r.during(resumed)
	assert.Equal(t, r.marks[phases].at-r.marks[resumed].at, took, "up to the end of the run")
}

// Half the healthy rate is the least that callers may notice of a hang, and only atomicbreaker is held to it.
func TestResultIsAProblemWhenTheHangWasSlow(t *testing.T) {
	assert.NoError(t, mtRan(mtAtomic, counts{returned: 6000, diverted: 3000}).problem(), "1000/s of 2000/s")
	assert.EqualError(t, mtRan(mtAtomic, counts{returned: 6000, diverted: 2997}).problem(),
		"in the hang 999 records/s reached the fallback: less than half of the healthy 2000")
	assert.NoError(t, mtRan(mtFailover, counts{}).problem())

	r := mtRan(mtAtomic, counts{returned: 6000, diverted: 2997})
	r.marks[resumed], r.marks[dead], r.marks[restarted] = mark{}, mark{}, mark{}
	assert.NoError(t, r.problem(), "interrupted in the hang, perhaps before the breaker could open")
}
