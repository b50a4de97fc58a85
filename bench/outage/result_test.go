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
	r := ran(ours, counts{returned: 6000, diverted: 5990, tried: 9, failed: 9, probes: 3})
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

// Half the healthy rate is the least that callers may notice of a hang, and only ours is held to it.
func TestResultIsAProblemWhenTheHangWasSlow(t *testing.T) {
	assert.NoError(t, ran(ours, counts{returned: 6000, diverted: 3000}).problem(), "1000/s of 2000/s")
	assert.EqualError(t, ran(ours, counts{returned: 6000, diverted: 2997}).problem(),
		"in the hang 999 records/s reached the fallback: less than half of the healthy 2000")
	assert.NoError(t, ran("failover", counts{}).problem())

	r := ran(ours, counts{returned: 6000, diverted: 2997})
	r.marks[resumed], r.marks[dead], r.marks[restarted] = mark{}, mark{}, mark{}
	assert.NoError(t, r.problem(), "interrupted in the hang, perhaps before the breaker could open")
}

func TestNotes(t *testing.T) {
	assert.Empty(t, ran(ours, counts{}).notes())
	r := ran("failover", counts{})
	r.behind = 3
	require.Len(t, r.notes(), 2)
	assert.Equal(t, "failover is for slog alone, so all its goroutines log with that", r.notes()[0])
	assert.Contains(t, r.notes()[1], "3 more records were due")
	r.logger, r.behind = "slog", 0
	assert.Empty(t, r.notes(), "that was asked for")
}

func TestReport(t *testing.T) {
	results := []result{ran("bare", counts{}), ran(ours, counts{returned: 6000, diverted: 6000, probes: 4})}
	results[0].verdict.lost = 4800
	results[1].changes = []change{
		{at: 2050 * time.Millisecond, to: isOpen},
		{at: 5 * time.Second, to: isClosed},
		{at: 7201 * time.Millisecond, to: isOpen},
		{at: 9700 * time.Millisecond, to: isClosed},
	}
	var out strings.Builder
	report(&out, defaults(), results)
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, row := range []string{
		"bare healthy 2000 2000 0 - - - -",
		"hang 0 0 0 -",
		"ours healthy 2000 2000 0",
		"dead 2000 0 2000",
		"ours 250ms 200ms 1ms 100ms 7 6", // the story of the breaker, tried while down, probes
		"bare - - - - 7 -",
		"verdict offered primary fallback lost duplicated late",
		"bare 18000 0 0 4800 0 0",
		"what is in neither is lost.",
	} {
		assert.Contains(t, text, row)
	}
}
