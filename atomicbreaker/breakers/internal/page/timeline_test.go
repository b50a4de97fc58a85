// SPDX-License-Identifier: Apache-2.0

package page

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

var noon = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// outage is an outage of 3 minutes, and a minute of probes.
var outage = []Transition{
	{At: noon, From: atomicbreaker.Closed, To: atomicbreaker.Open},
	{At: noon.Add(3 * time.Minute), From: atomicbreaker.Open, To: atomicbreaker.HalfOpen},
	{At: noon.Add(4 * time.Minute), From: atomicbreaker.HalfOpen, To: atomicbreaker.Closed},
}

func float(t require.TestingT, s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return f
}

func TestTimeline_AnOutage(t *testing.T) {
	line := NewTimeline(outage, noon.Add(6*time.Minute))
	require.Equal(t, []Lane{{"open", 11}, {"half-open", 33}, {"closed", 55}}, line.Lanes)
	require.Equal(t, "3 transitions since 12:00:00: open for 3m 00s, half-open for 1m 00s, closed for 2m 00s", line.Summary)
	require.Empty(t, line.CutY)
	var says []string
	for _, b := range line.Bars {
		says = append(says, b.Says)
	}
	require.Equal(t, []string{
		"closed before 12:00:00", "open for 3m 00s, from 12:00:00", "half-open for 1m 00s, from 12:03:00",
		"closed for 2m 00s, from 12:04:00",
	}, says)
	require.InDelta(t, 3*float(t, line.Bars[2].W), float(t, line.Bars[1].W), 0.2, "the axis is linear")
	require.Len(t, line.Steps, 3)
	require.Equal(t, "12:00:00", line.First)
	require.InDelta(t, 0.04*timelineWidth, float(t, line.Bars[1].X), 0.1, "where the page writes it")
	require.Equal(t, "now", line.End)
}

func TestTimeline_CutsALongLastPeriod(t *testing.T) {
	line := NewTimeline(outage, noon.Add(48*time.Hour))
	require.Equal(t, unit(float64(line.Lanes[2].Y+10)), line.CutY)
	require.Equal(t, "now, 1d 23h later", line.End)
	require.Greater(t, float(t, line.Bars[1].W), 100.0, "the outage is seen")
}

func TestTimeline_OfNothing(t *testing.T) { require.Nil(t, NewTimeline(nil, noon)) }

// The bars are in the lanes of their states, follow each other without a gap, and are all seen.
func TestTimeline_Bars(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at, from := noon, rapid.SampledFrom(severity).Draw(t, "first")
		var history []Transition
		for range rapid.IntRange(1, 32).Draw(t, "transitions") {
			to := rapid.SampledFrom(severity).Draw(t, "to")
			history = append(history, Transition{At: at, From: from, To: to})
			from = to
			at = at.Add(time.Duration(rapid.Int64Range(-int64(time.Millisecond), int64(100*time.Hour)).Draw(t, "later")))
		}
		line := NewTimeline(history, at)
		require.Len(t, line.Bars, len(history)+1)
		require.Len(t, line.Steps, len(history))
		state := history[0].From
		for i, b := range line.Bars {
			x, w := float(t, b.X), float(t, b.W)
			require.Equal(t, state.String(), b.State)
			lane := line.Lanes[(int(float(t, b.Y))+barHeight/2)/laneHeight]
			require.Equal(t, words(state), lane.Name)
			require.GreaterOrEqual(t, w, float64(leastWidth))
			require.GreaterOrEqual(t, x, 0.0)
			require.LessOrEqual(t, x+w, timelineWidth+0.2)
			if i < len(history) {
				require.InDelta(t, float(t, line.Bars[i+1].X), x+w, leastWidth+0.3)
				state = history[i].To
			} else {
				require.InDelta(t, timelineWidth, x+w, leastWidth+0.3)
			}
		}
	})
}
