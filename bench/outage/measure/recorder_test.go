// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A call belongs to the phase that it was due in, unless the sink went down before it was back.
func TestRecorderPutsCallsIntoPhases(t *testing.T) {
	const ms = time.Millisecond
	cases := map[string]struct {
		current   Phase
		due, back time.Duration
		want      Phase
	}{
		"within a phase":                           {Healthy, 10 * ms, 11 * ms, Healthy},
		"caught by the hang":                       {Hang, 90 * ms, 150 * ms, Hang},
		"due in the hang":                          {Hang, 110 * ms, 150 * ms, Hang},
		"due in the hang, back after it":           {Resumed, 110 * ms, 250 * ms, Hang},
		"due in the hang, back in the next outage": {Dead, 110 * ms, 350 * ms, Hang},
		"due while healthy, back after the hang":   {Resumed, 90 * ms, 250 * ms, Hang},
		"due when it was back":                     {Resumed, 210 * ms, 220 * ms, Resumed},
		"caught by the kill":                       {Dead, 290 * ms, 301 * ms, Dead},
		"due while dead, back after the restart":   {Restarted, 390 * ms, 410 * ms, Dead},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := NewRecorder(time.Second, func() Counts { return Counts{} })
			for p := Healthy; p <= c.current; p++ {
				r.Marks[p] = Mark{Set: true, At: time.Duration(p) * 100 * ms}
			}
			r.phase = c.current
			r.Record(c.due, c.back)
			for p, h := range r.Calls {
				want := map[bool]int{true: 1}[Phase(p) == c.want]
				assert.EqualValues(t, want, h.TotalCount(), PhaseNames[p])
			}
			took := c.back - c.due
			assert.InEpsilon(t, took.Nanoseconds(), r.Calls[c.want].Max(), 0.001)
			slot := r.Slices[c.due/r.Slice]
			assert.EqualValues(t, 1, slot.TotalCount(), "in the picture it stands where it was due")
			assert.InEpsilon(t, took, r.TakeRecent(), 0.02)
			assert.Zero(t, r.TakeRecent(), "taken")
		})
	}
}

func TestRecorderKeepsCallsInRange(t *testing.T) {
	r := NewRecorder(time.Second, func() Counts { return Counts{} })
	r.Record(time.Millisecond, 0)
	r.Record(0, 24*time.Hour)
	assert.EqualValues(t, 2, r.Calls[Healthy].TotalCount(), "counted all the same")
}

func TestRecorderTellsWhenTheBreakerChanged(t *testing.T) {
	r := NewRecorder(12*time.Second, func() Counts { return Counts{} })
	assert.Equal(t, Closed, r.State())
	for p := range Phases + 1 {
		r.Marks[p] = Mark{Set: true, At: p.At(12 * time.Second)}
	}
	r.Changes = []Change{
		{At: 2 * time.Second, To: Open},
		{At: 3 * time.Second, To: HalfOpen},
		{At: 3500 * time.Millisecond, To: Open},
		{At: 7300 * time.Millisecond, To: Open},
		{At: 11 * time.Second, To: Closed},
	}
	took, ok := r.Until(Open, Hang)
	assert.True(t, ok)
	assert.Equal(t, 200*time.Millisecond, took, "the first time")
	_, ok = r.Until(Closed, Resumed)
	assert.False(t, ok, "it closed in a later phase")
	took, ok = r.Until(Closed, Restarted)
	assert.True(t, ok)
	assert.Equal(t, 1400*time.Millisecond, took)
	assert.Equal(t, Closed, r.State())
}

func TestRecorderSamplesTheBacklog(t *testing.T) {
	r := NewRecorder(time.Second, func() Counts { return Counts{} })
	r.Sample()
	r.Backlog = func() uint64 { return 7 }
	r.Sample()
	assert.Zero(t, r.Samples[0].Backlog, "without a spool")
	assert.EqualValues(t, 7, r.Samples[1].Backlog)
}
