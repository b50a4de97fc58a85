// SPDX-License-Identifier: Apache-2.0

package measure_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure/measuretest"
)

func TestResultOfAPhase(t *testing.T) {
	r := measuretest.Ran(measuretest.AtomicBreaker, measure.Counts{Returned: 6000, Diverted: 5990, Tried: 9, Failed: 9, Probes: 3})
	took, c := r.During(measure.Hang)
	assert.Equal(t, 3*time.Second, took)
	assert.Equal(t, measure.Counts{Returned: 6000, Diverted: 5990, Tried: 9, Failed: 9, Probes: 3}, c)
	assert.Equal(t, measure.Counts{Tried: 16, Probes: 5}, r.WhileDown())

	r.Marks[measure.Dead], r.Marks[measure.Restarted] = measure.Mark{}, measure.Mark{} // a run that was cut short while the sink was back from its hang
	took, _ = r.During(measure.Dead)
	assert.Zero(t, took)
	took, _ = r.During(measure.Resumed)
	assert.Equal(t, r.Marks[measure.Phases].At-r.Marks[measure.Resumed].At, took, "up to the end of the run")
}

// Half the healthy rate is the least that callers may notice of a hang, and only atomicbreaker is
// held to it.
func TestResultIsAProblemWhenTheHangWasSlow(t *testing.T) {
	assert.NoError(t, measuretest.Ran(measuretest.AtomicBreaker, measure.Counts{Returned: 6000, Diverted: 3000}).Problem(), "1000/s of 2000/s")
	assert.EqualError(t, measuretest.Ran(measuretest.AtomicBreaker, measure.Counts{Returned: 6000, Diverted: 2997}).Problem(),
		"in the hang 999 records/s reached the fallback: less than half of the healthy 2000")
	assert.NoError(t, measuretest.Ran(measuretest.Failover, measure.Counts{}).Problem())

	r := measuretest.Ran(measuretest.AtomicBreaker, measure.Counts{Returned: 6000, Diverted: 2997})
	r.Marks[measure.Resumed], r.Marks[measure.Dead], r.Marks[measure.Restarted] = measure.Mark{}, measure.Mark{}, measure.Mark{}
	assert.NoError(t, r.Problem(), "interrupted in the hang, perhaps before the breaker could open")
}
