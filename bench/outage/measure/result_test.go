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
	inHang := measure.Counts{Returned: 6000, Diverted: 5990, Tried: 9, Failed: 9, Probes: 3}
	r := measuretest.Ran(measuretest.AtomicBreaker, inHang)
	took, c := r.During(measure.Hang)
	assert.Equal(t, 3*time.Second, took)
	assert.Equal(t, inHang, c)
	assert.Equal(t, measure.Counts{Tried: 16, Probes: 5}, r.WhileDown())

	// A run that was interrupted before the second outage.
	r.Marks[measure.Dead], r.Marks[measure.Restarted] = measure.Mark{}, measure.Mark{}
	took, _ = r.During(measure.Dead)
	assert.Zero(t, took)
	took, _ = r.During(measure.Resumed)
	assert.Equal(t, r.Marks[measure.Phases].At-r.Marks[measure.Resumed].At, took,
		"up to the end of the run")
}

// Half the healthy rate is the least that callers may notice of a hang. Only a guard that is judged
// is held to it.
func TestResultIsAProblemWhenTheHangWasSlow(t *testing.T) {
	ran := func(of measure.Guard, diverted uint64) measure.Result {
		r := measuretest.Ran(of, measure.Counts{Returned: 6000, Diverted: diverted})
		r.Verdict.InSink = r.Verdict.Offered
		return r
	}
	assert.NoError(t, ran(measuretest.AtomicBreaker, 3000).Problem(), "1000/s of 2000/s")
	assert.EqualError(t, ran(measuretest.AtomicBreaker, 2997).Problem(),
		"in the hang 999 records/s reached the fallback: less than half of the healthy 2000")
	assert.NoError(t, ran(measuretest.Failover, 0).Problem())

	r := ran(measuretest.AtomicBreaker, 2997)
	for _, p := range []measure.Phase{measure.Resumed, measure.Dead, measure.Restarted} {
		r.Marks[p] = measure.Mark{}
	}
	assert.NoError(t, r.Problem(), "interrupted in the hang, perhaps before the breaker could open")
}
