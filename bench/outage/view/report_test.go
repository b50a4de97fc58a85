// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure/measuretest"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/view/console"
)

func TestReport(t *testing.T) {
	inHang := measure.Counts{Returned: 6000, Diverted: 6000, Probes: 4}
	results := []measure.Result{
		measuretest.Ran(measuretest.NoBreaker, measure.Counts{}),
		measuretest.Ran(measuretest.Gobreaker, measure.Counts{}),
		measuretest.Ran(measuretest.AtomicBreaker, inHang),
	}
	results[0].Verdict.InSink, results[0].Verdict.Lost = 13_200, 4800
	results[1].Verdict.InSink, results[1].Verdict.Stranded = 12_000, 6000
	results[1].Total.Diverted = 6000
	results[2].Verdict.InSink = 18_000
	results[2].Total.Diverted, results[2].Total.Replayed = 10_709, 10_720
	results[1].Changes = []measure.Change{{At: 1900 * time.Millisecond, To: measure.Open}}
	results[1].OnceOpened[measure.Hang] = 250 * time.Millisecond
	results[2].Changes = []measure.Change{
		{At: 2050 * time.Millisecond, To: measure.Open},
		{At: 5 * time.Second, To: measure.Closed},
		{At: 7201 * time.Millisecond, To: measure.Open},
		{At: 9700 * time.Millisecond, To: measure.Closed},
	}
	results[2].OnceOpened[measure.Hang] = 90 * time.Microsecond
	results[2].Total.Reasons = measure.ByReason{
		measure.Rejected: 10_000, measure.Failed: 5, measure.Hung: 4, measure.Busy: 700,
	}
	var out strings.Builder
	Report(&out, measuretest.Plan(), results)
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
		"offered 18000 18000 18000 in the sink at the end 13200 12000 18000",
		"undelivered 4800 6000 0",
		"in the fallback 0 6000 0 lost 4800 0 0 duplicated",
		"diverted 0 6000 10709 rejected - - 10000 failed - - 5 hung - - 4 busy - - 700",
		"busy - - 700 replayed - - 10720",
		"atomicbreaker: offered=18000 primary=18000 undelivered=0",
		"what is in neither is lost.",
	} {
		assert.Contains(t, text, row)
	}
	assert.NotContains(t, text, "record error", "there was none")

	results[2].Total.Reasons[measure.RecordError] = 3
	out.Reset()
	Report(&out, measuretest.Plan(), results)
	assert.Contains(t, strings.Join(strings.Fields(out.String()), " "),
		"busy - - 700 record error - - 3 replayed")

	out.Reset()
	Report(&out, measuretest.Plan(), results[:2])
	assert.NotContains(t, out.String(), "rejected", "none of these guards says why")
	assert.NotContains(t, out.String(), "replayed", "none of these guards has a spool")
}

// The tables of a run of ten minutes at the highest rate, in which everything was as slow, or as
// frequent, as can be.
func TestReportFits(t *testing.T) {
	const most = 60_000_000
	var results []measure.Result
	for _, g := range measuretest.Guards {
		r := measuretest.Ran(g, measure.Counts{
			Returned: most, Diverted: most, Acknowledged: most, Tried: most, Probes: 99_999,
		})
		r.Verdict = measure.Verdict{
			Offered: most, InSink: most, Stranded: most / 2, Lost: most / 2, Duplicated: most,
			Primary: measure.Contents{Late: most},
		}
		r.Total = measure.Counts{
			Diverted: most, Replayed: most, Reasons: measure.ByReason{most, most, most, most, most},
		}
		for p := range measure.Phases {
			for range 1000 {
				_ = r.Calls[p].RecordValue(int64(measure.LongestCall - time.Second))
			}
			r.Peaks[p] = measure.Footprint{Goroutines: 99_999, RSS: 9999 << 20}
			r.OnceOpened[p] = measure.LongestCall - time.Second
		}
		r.Changes = []measure.Change{
			{At: measure.Hang.At(r.Duration) + 11_100*time.Nanosecond, To: measure.Open},
			{At: measure.Resumed.At(r.Duration) + 999*time.Millisecond, To: measure.Closed},
		}
		results = append(results, r)
	}
	for _, kind := range []sink.Kind{sink.Embedded, sink.Loki, sink.TCP, sink.Syslog, sink.File} {
		s := measuretest.Plan()
		s.Timeout, s.Sink.Kind = 10*time.Second-time.Millisecond, kind
		var out strings.Builder
		Report(&out, s, results)
		console.Fits(t, 80, out.String())
	}
}
