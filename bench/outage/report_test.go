// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestReport(t *testing.T) {
	results := []result{mtRan(mtNoBreaker, counts{}), mtRan(mtGobreaker, counts{}), mtRan(mtAtomic, counts{returned: 6000, diverted: 6000, probes: 4})}
	results[0].verdict.lost = 4800
	results[1].changes = []change{{at: 1900 * time.Millisecond, to: isOpen}}
	results[1].onceOpened[hang] = 250 * time.Millisecond
	results[2].changes = []change{
		{at: 2050 * time.Millisecond, to: isOpen},
		{at: 5 * time.Second, to: isClosed},
		{at: 7201 * time.Millisecond, to: isOpen},
		{at: 9700 * time.Millisecond, to: isClosed},
	}
	results[2].onceOpened[hang] = 90 * time.Microsecond
	results[2].why = byReason{rejected: 10_000, failed: 5, hung: 4, busy: 700}
	var out strings.Builder
	report(&out, mtPlan(), results)
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, row := range []string{
		"no breaker healthy 2000 2000 0 - - - -",
		"hang 0 0 0 -",
		"atomicbreaker healthy 2000 2000 0",
		"dead 2000 0 2000",
		"outages no gobreaker atomicbreaker breaker",
		"hang to open - 100ms 250ms",
		"slowest call then* - 250ms 90µs",
		"resumed to closed - not seen 200ms",
		"kill to open - not seen 1ms",
		"restart to closed - not seen 100ms",
		"tried while down 7 7 7",
		"probes while down - 2 6",
		"verdict no gobreaker atomicbreaker breaker",
		"rejected - - 10000 failed - - 5 hung - - 4 busy - - 700 lost 4800 0 0 duplicated",
		"what is in neither is lost.",
	} {
		assert.Contains(t, text, row)
	}
	assert.NotContains(t, text, "record error", "there was none")

	results[2].why[recordError] = 3
	out.Reset()
	report(&out, mtPlan(), results)
	assert.Contains(t, strings.Join(strings.Fields(out.String()), " "), "busy - - 700 record error - - 3 lost")

	out.Reset()
	report(&out, mtPlan(), results[:2])
	assert.NotContains(t, out.String(), "rejected", "none of these guards says why")
}

// The tables of a run of ten minutes at the highest rate, in which everything was as slow, or as frequent, as can be.
func TestReportFits(t *testing.T) {
	const most = 60_000_000
	var results []result
	for _, g := range mtGuards {
		r := mtRan(g, counts{returned: most, diverted: most, acknowledged: most, tried: most, probes: 99_999})
		r.notes = nil
		v := &r.verdict
		v.offered, v.lost, v.duplicated = most, most, most
		v.primary, v.fallback = contents{records: most, late: most}, contents{records: most}
		r.why = byReason{most, most, most, most, most}
		for p := range phases {
			for range 1000 {
				_ = r.calls[p].RecordValue(int64(longestCall - time.Second))
			}
			r.peaks[p] = footprint{99_999, 9999 << 20}
			r.onceOpened[p] = longestCall - time.Second
		}
		r.changes = []change{
			{at: hang.at(r.duration) + 11_100*time.Nanosecond, to: isOpen},
			{at: resumed.at(r.duration) + 999*time.Millisecond, to: isClosed},
		}
		results = append(results, r)
	}
	for _, kind := range []sinkKind{embeddedSink, lokiSink, tcpSink, syslogSink, fileSink} {
		s := mtPlan()
		s.timeout, s.sink.kind = 10*time.Second-time.Millisecond, kind
		var out strings.Builder
		report(&out, s, results)
		fits(t, 80, out.String())
	}
}
