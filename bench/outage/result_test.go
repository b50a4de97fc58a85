// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// quiet is a screen that nobody watches.
type quiet struct{}

func (quiet) event(time.Duration, string) {}
func (quiet) show(status)                 {}
func (quiet) every() time.Duration        { return time.Hour }
func (quiet) close()                      {}

// ran is the result of a run of 12 s with a second of records every phase, made up.
func ran(name string, inHang counts) result {
	var c contender
	for _, known := range contenders {
		if known.name == name {
			c = known
		}
	}
	s := defaults()
	now := counts{}
	rec := newRecorder(s.duration, func() counts { return now })
	for p := range phases + 1 {
		rec.marks[p] = mark{true, p.at(s.duration), now}
		took := uint64(0)
		if p < phases {
			took = uint64((p+1).at(s.duration)-p.at(s.duration)) / uint64(time.Second/2000)
		}
		switch p {
		case hang:
			now = now.plus(inHang)
		case dead:
			now = now.plus(counts{offered: took, returned: took, diverted: took, tried: 7, failed: 7, probes: 2})
		default:
			now = now.plus(counts{offered: took, returned: took, acknowledged: took, tried: took})
		}
	}
	r := result{settings: s, contender: c, loggers: c.kinds, recorder: rec}
	r.verdict.offered = int(now.offered)
	return r
}

func (c counts) plus(d counts) counts {
	return c.minus(counts{}.minus(d)) // they wrap around, as unsigned numbers do
}

func TestResultOfAPhase(t *testing.T) {
	r := ran(atomicBreaker, counts{returned: 6000, diverted: 5990, tried: 9, failed: 9, probes: 3})
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
	assert.NoError(t, ran(atomicBreaker, counts{returned: 6000, diverted: 3000}).problem(), "1000/s of 2000/s")
	assert.EqualError(t, ran(atomicBreaker, counts{returned: 6000, diverted: 2997}).problem(),
		"in the hang 999 records/s reached the fallback: less than half of the healthy 2000")
	assert.NoError(t, ran(failover, counts{}).problem())

	r := ran(atomicBreaker, counts{returned: 6000, diverted: 2997})
	r.marks[resumed], r.marks[dead], r.marks[restarted] = mark{}, mark{}, mark{}
	assert.NoError(t, r.problem(), "interrupted in the hang, perhaps before the breaker could open")
}

func TestNotes(t *testing.T) {
	assert.Empty(t, ran(atomicBreaker, counts{}).notes())
	r := ran(failover, counts{})
	r.behind = 3
	require.Len(t, r.notes(), 2)
	assert.Equal(t, "slog-multi failover is for slog alone, so all its goroutines log with that", r.notes()[0])
	assert.Contains(t, r.notes()[1], "never made: 3")
	r.logger, r.behind = "slog", 0
	assert.Empty(t, r.notes(), "that was asked for")
}

func TestReport(t *testing.T) {
	results := []result{ran(noGuard, counts{}), ran(goBreaker, counts{}), ran(atomicBreaker, counts{returned: 6000, diverted: 6000, probes: 4})}
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
	report(&out, defaults(), results)
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
	report(&out, defaults(), results)
	assert.Contains(t, strings.Join(strings.Fields(out.String()), " "), "busy - - 700 record error - - 3 lost")

	out.Reset()
	report(&out, defaults(), results[:2])
	assert.NotContains(t, out.String(), "rejected", "none of these guards says why")
}
