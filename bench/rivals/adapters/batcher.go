// SPDX-License-Identifier: Apache-2.0

package adapters

import (
	"io"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/atomic"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Batcher has a Batcher above the guarded sink.
var Batcher = scenario.Subject{Name: "batcher", Loops: scenario.Merge(scenario.BatchLoops(func() io.Writer {
	return breakerio.NewBatcher(breakerio.NewWriter(atomic.New(scenario.UsualScene), scenario.Nowhere{}, scenario.Nowhere{}))
}), scenario.Loops{scenario.SlogProcess: guardedLoop})}

// guardedLoop is SlogProcess through the library. It panics if a record overflows, because that
// record would not be delivered.
func guardedLoop() scenario.Loop {
	b := breakerio.NewBatcher(breakerio.NewWriter(atomic.New(scenario.UsualScene), scenario.StartProcess(), nil))
	return scenario.ProcessLoop(b, func() {
		if b.Sync() != nil || b.Stats().Overflowed > 0 {
			panic(scenario.Failed)
		}
	})
}
