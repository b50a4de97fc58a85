// SPDX-License-Identifier: Apache-2.0

package adapters

import (
	"io"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/atomic"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Breakerio is the library's own package for this purpose. It also counts, joins errors, survives a
// panic of the sink, and has a fallback.
var Breakerio = scenario.Subject{Name: "breakerio", Loops: scenario.Merge(
	scenario.LogLoops(func(w io.Writer) io.Writer { return breakerio.NewWriter(atomic.New(scenario.UsualScene), w, nil) }),
	laneLoops(), scenario.Loops{
		scenario.WriteRecord: func() scenario.Loop {
			return scenario.WriteLoop(breakerio.NewWriter(atomic.New(scenario.UsualScene), scenario.Nowhere{}, scenario.Nowhere{}))
		},
	},
)}

const laneTimeout = time.Minute // never reached: no scenario has a sink that hangs

func laneLoops() scenario.Loops {
	return scenario.Loops{
		scenario.LaneRecord: func() scenario.Loop { return scenario.WriteLoop(breakerio.NewLane(scenario.Nowhere{}, laneTimeout)) },
		scenario.LaneBurst: func() scenario.Loop {
			lane := breakerio.NewLane(scenario.Sleeper{}, laneTimeout, breakerio.WithWidth(scenario.BurstWidth))
			return scenario.BurstLoop(breakerio.NewWriter(atomic.New(scenario.UsualScene), lane, nil))
		},
	}
}
