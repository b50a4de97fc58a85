// SPDX-License-Identifier: Apache-2.0

// Package adapters has what this library puts around a breaker and its sink.
package adapters

import (
	"io"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/atomic"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Breakerio is a breakerio.Writer, alone and over a breakerio.Lane. It also counts, joins errors,
// survives a panic of the sink, and has a fallback.
var Breakerio = scenario.Subject{
	Name: "breakerio",
	Loops: scenario.Merge(
		scenario.LogLoops(func(w io.Writer) io.Writer { return newWriter(w, nil) }),
		scenario.Loops{
			scenario.WriteRecord: func() scenario.Loop {
				return scenario.WriteLoop(newWriter(scenario.Nowhere{}, scenario.Nowhere{}))
			},
			scenario.LaneRecord: func() scenario.Loop {
				return scenario.WriteLoop(breakerio.NewLane(scenario.Nowhere{}, laneTimeout))
			},
			scenario.LaneBurst: func() scenario.Loop {
				width := breakerio.WithWidth(scenario.BurstWidth)
				lane := breakerio.NewLane(scenario.Sleeper{}, laneTimeout, width)
				return scenario.BurstLoop(newWriter(lane, nil))
			},
		},
	),
}

const laneTimeout = time.Minute // never reached: no scenario has a sink that hangs

func newWriter(primary, fallback io.Writer) *breakerio.Writer {
	return breakerio.NewWriter(atomic.New(scenario.UsualScene), primary, fallback)
}
