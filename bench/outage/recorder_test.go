// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A call belongs to the phase that it was due in, unless the sink went down before it was back.
func TestRecorderPutsCallsIntoPhases(t *testing.T) {
	const ms = time.Millisecond
	cases := map[string]struct {
		current   phase
		due, back time.Duration
		want      phase
	}{
		"within a phase":                           {healthy, 10 * ms, 11 * ms, healthy},
		"caught by the hang":                       {hang, 90 * ms, 150 * ms, hang},
		"due in the hang":                          {hang, 110 * ms, 150 * ms, hang},
		"due in the hang, back after it":           {resumed, 110 * ms, 250 * ms, hang},
		"due in the hang, back in the next outage": {dead, 110 * ms, 350 * ms, hang},
		"due while healthy, back after the hang":   {resumed, 90 * ms, 250 * ms, hang},
		"due when it was back":                     {resumed, 210 * ms, 220 * ms, resumed},
		"caught by the kill":                       {dead, 290 * ms, 301 * ms, dead},
		"due while dead, back after the restart":   {restarted, 390 * ms, 410 * ms, dead},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRecorder(time.Second, func() counts { return counts{} })
			for p := healthy; p <= c.current; p++ {
				r.marks[p] = mark{set: true, at: time.Duration(p) * 100 * ms}
			}
			r.phase = c.current
			r.record(c.due, c.back)
			for p, h := range r.calls {
				assert.EqualValues(t, map[bool]int{true: 1}[phase(p) == c.want], h.TotalCount(), phaseNames[p])
			}
			took := c.back - c.due
			assert.InEpsilon(t, took.Nanoseconds(), r.calls[c.want].Max(), 0.001)
			slot := r.slices[c.due/r.slice]
			assert.EqualValues(t, 1, slot.TotalCount(), "in the picture it stands where it was due")
			assert.InEpsilon(t, took, r.takeRecent(), 0.02)
			assert.Zero(t, r.takeRecent(), "taken")
		})
	}
}

func TestRecorderKeepsCallsInRange(t *testing.T) {
	r := newRecorder(time.Second, func() counts { return counts{} })
	r.record(time.Millisecond, 0)
	r.record(0, 24*time.Hour)
	assert.EqualValues(t, 2, r.calls[healthy].TotalCount(), "counted all the same")
}

func TestRecorderTellsWhenTheBreakerChanged(t *testing.T) {
	r := newRecorder(12*time.Second, func() counts { return counts{} })
	assert.Equal(t, isClosed, r.state())
	for p := range phases + 1 {
		r.marks[p] = mark{set: true, at: p.at(12 * time.Second)}
	}
	r.changes = []change{
		{at: 2 * time.Second, to: isOpen},
		{at: 3 * time.Second, to: isHalfOpen},
		{at: 3500 * time.Millisecond, to: isOpen},
		{at: 7300 * time.Millisecond, to: isOpen},
		{at: 11 * time.Second, to: isClosed},
	}
	took, ok := r.until(isOpen, hang)
	assert.True(t, ok)
	assert.Equal(t, 200*time.Millisecond, took, "the first time")
	_, ok = r.until(isClosed, resumed)
	assert.False(t, ok, "it closed in a later phase")
	took, ok = r.until(isClosed, restarted)
	assert.True(t, ok)
	assert.Equal(t, 1400*time.Millisecond, took)
	assert.Equal(t, isClosed, r.state())
}
