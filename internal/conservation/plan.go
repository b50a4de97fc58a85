// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"time"

	"pgregory.net/rapid"
)

// LaneTimeout is the timeout of a lane before the primary.
const LaneTimeout = 100 * time.Millisecond

// probeTimeout is shorter than hangTime, so that probes time out.
const probeTimeout = 2 * time.Second

// plan is one run.
type plan struct {
	primary, fallback []step
	goroutines        int
	records           int // of each goroutine
	pause             time.Duration
	recovery          time.Duration
	threshold         int
	repanic           bool
	disturbances      []disturbance

	// storm is set if the primary fails until the end, each failure opens the breaker, and nothing
	// takes time. Then all diverted records belong to one outage.
	storm bool
}

// disturbance is a Sync or a Close during the run.
type disturbance struct {
	after time.Duration
	close bool
}

func draw(t *rapid.T) plan {
	p := plan{
		fallback:   steps(t, "fallback"),
		goroutines: rapid.IntRange(1, 16).Draw(t, "goroutines"),
		records:    rapid.IntRange(1, 12).Draw(t, "records"),
		recovery:   rapid.SampledFrom([]time.Duration{time.Second, 0}).Draw(t, "recovery"),
		threshold:  rapid.IntRange(1, 3).Draw(t, "threshold"),
		repanic:    rapid.Bool().Draw(t, "repanic"),
		storm:      rapid.IntRange(0, 4).Draw(t, "storm") == 4,
	}
	if p.storm {
		p.threshold, p.recovery = 1, time.Second
		p.primary = make([]step, rapid.IntRange(0, 40).Draw(t, "healthy"), 41)
		worst := rapid.SampledFrom([]act{fails, tears, panics, exits}).Draw(t, "storm's")
		p.primary = append(p.primary, step{act: worst})
		for i := range p.fallback {
			p.fallback[i].hangs = false
			if d := p.fallback[i].act; d == panics || d == exits {
				p.fallback[i].act = fails // a record that makes both sides panic begins no outage
			}
		}
		return p
	}
	p.primary = steps(t, "primary")
	p.pause = rapid.SampledFrom([]time.Duration{0, time.Millisecond, 700 * time.Millisecond}).Draw(t, "pause")
	p.disturbances = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) disturbance {
		return disturbance{
			after: time.Duration(rapid.IntRange(0, 3000).Draw(t, "after")) * 1001 * time.Microsecond,
			close: rapid.IntRange(0, 7).Draw(t, "close") == 7,
		}
	}), 0, 4).Draw(t, "disturbances")
	return p
}

// steps draws a script. Hanging is rare, because most behavior shows only while the sink does not
// hang.
func steps(t *rapid.T, label string) []step {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			act:   act(rapid.IntRange(int(takes), int(exits)).Draw(t, "act")),
			hangs: rapid.IntRange(0, 6).Draw(t, "hangs") == 6,
		}
	}), 0, 60).Draw(t, label)
}
