// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// The picture of the transitions has a lane for each state, so that the height shows the state as
// well as the color. The page stretches it to its own width, so it has no text and no round
// corners. A lane is as high as on the page.
const (
	timelineWidth = 1000
	laneHeight    = 22
	barHeight     = 14
	leastWidth    = 3 // of a bar, so that a short period is seen
)

// Timeline is the geometry of the picture of a breaker's last transitions.
type Timeline struct {
	Width, Height int
	Lanes         []Lane
	Bars          []Bar
	Steps         []Step
	CutY          string // where the last period is cut; empty if it is shown whole
	First, End    string // the time of the first transition, and of the right end
	Summary       string // for those who do not see the picture
}

// Lane is the line of a state.
type Lane struct {
	Name string
	Y    int // of the middle
}

// Bar is a period in one state.
type Bar struct {
	State      string
	X, Y, W, H string
	Says       string
}

// Step is the vertical line of a transition.
type Step struct{ X, Y1, Y2 string }

// NewTimeline draws transitions, the oldest first, up to now. It returns nil if there are none.
//
// The time axis is linear. If the last period is longer than all before it, it is cut, because
// otherwise nothing could be seen of an outage an hour ago.
func NewTimeline(history []Transition, now time.Time) *Timeline {
	if len(history) == 0 {
		return nil
	}
	history = slices.Clone(history)
	for i := 1; i < len(history); i++ { // a transition may be slightly later than the next one
		if history[i].At.Before(history[i-1].At) {
			history[i].At = history[i-1].At
		}
	}
	first, last := history[0].At, history[len(history)-1].At
	if now.Before(last) {
		now = last
	}
	known := max(last.Sub(first), time.Second)
	end := now
	if now.Sub(last) > known {
		end = last.Add(known)
	}
	lead := max(end.Sub(first)/24, time.Millisecond) // so First is 4 percent from the left
	start := first.Add(-lead)

	t := &Timeline{Width: timelineWidth}
	lanes := t.addLanes(history)
	x := func(at time.Time) float64 {
		share := float64(at.Sub(start)) / float64(end.Sub(start))
		return timelineWidth * min(max(share, 0), 1)
	}
	held := make(map[atomicbreaker.State]time.Duration)
	state, from := history[0].From, start
	for i, h := range append(slices.Clip(history), Transition{At: now}) {
		left := min(x(from), timelineWidth-leastWidth)
		to := x(h.At)
		y := lanes[state]
		says := fmt.Sprintf("%s for %s, from %s", words(state), span(h.At.Sub(from)), clock(now, from))
		if i == 0 {
			says = words(state) + " before " + clock(now, h.At)
		} else {
			held[state] += h.At.Sub(from)
		}
		t.Bars = append(t.Bars, Bar{
			State: state.String(), Says: says,
			X: unit(left), Y: unit(float64(y) - barHeight/2), W: unit(max(to-left, leastWidth)), H: unit(barHeight),
		})
		if i < len(history) {
			t.Steps = append(t.Steps, Step{X: unit(to), Y1: unit(float64(y)), Y2: unit(float64(lanes[h.To]))})
			state, from = h.To, h.At
		}
	}
	t.First, t.End = clock(now, first), "now"
	if end.Before(now) {
		t.CutY = unit(float64(lanes[state] + 10))
		t.End = "now, " + span(now.Sub(last)) + " later"
	}
	t.Summary = fmt.Sprintf("%s since %s:", plural(len(history), "transition"), clock(now, first))
	for i, s := range slices.DeleteFunc(slices.Clone(severity), func(s atomicbreaker.State) bool { return held[s] == 0 }) {
		if i > 0 {
			t.Summary += ","
		}
		t.Summary += fmt.Sprintf(" %s for %s", words(s), span(held[s]))
	}
	return t
}

// addLanes adds the lanes of the usual three states and of the forced ones that occur, and returns
// their heights. The worse states are above.
func (t *Timeline) addLanes(history []Transition) map[atomicbreaker.State]int {
	used := map[atomicbreaker.State]bool{
		atomicbreaker.Closed: true, atomicbreaker.Open: true, atomicbreaker.HalfOpen: true,
	}
	for _, h := range history {
		used[h.From], used[h.To] = true, true
	}
	lanes := make(map[atomicbreaker.State]int)
	order := []atomicbreaker.State{
		atomicbreaker.ForcedOpen, atomicbreaker.Open, atomicbreaker.HalfOpen, atomicbreaker.Closed,
		atomicbreaker.ForcedClosed,
	}
	for _, s := range order {
		if !used[s] {
			continue
		}
		lanes[s] = len(t.Lanes)*laneHeight + laneHeight/2
		t.Lanes = append(t.Lanes, Lane{Name: words(s), Y: lanes[s]})
	}
	t.Height = len(t.Lanes) * laneHeight
	return lanes
}

func unit(f float64) string { return fmt.Sprintf("%.1f", f) }
