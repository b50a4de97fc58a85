// SPDX-License-Identifier: Apache-2.0

package adapters

import (
	"io"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Batcher has a breakerio.Batcher above the guarded sink.
var Batcher = scenario.Subject{
	Name: "batcher",
	Loops: scenario.Merge(
		scenario.BatchLoops(func() io.Writer {
			return breakerio.NewBatcher(newWriter(scenario.Nowhere{}, scenario.Nowhere{}))
		}),
		scenario.Loops{scenario.SlogProcess: processLoop},
	),
}

// processLoop is SlogProcess through the library. It panics if a record overflows, because that
// record would not be delivered.
func processLoop() scenario.Loop {
	b := breakerio.NewBatcher(newWriter(scenario.StartProcess(), nil))
	return scenario.ProcessLoop(b, func() {
		if b.Sync() != nil || b.Stats().Overflowed > 0 {
			panic(scenario.Failed)
		}
	})
}
