// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"io"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// ours is atomic with what the controls lack: a hook, and a sink behind it.
var ours = scenario.Subject{Name: "atomic", Loops: scenario.Merge(atomicSubject.Loops, scenario.LogLoops(guardByPermit), map[scenario.Scenario]func() scenario.Loop{
	scenario.CycleHook: func() scenario.Loop {
		var count int
		return atomicCycle(atomicNew(scenario.HalfOpenScene, atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { count++ })))
	},
})}

// timerSubject is the cycle with a recovery timeout that is not 0. It starts a runtime timer at
// every trip and another at every closing, and waits until the runtime has run the first. Its
// rivals compare a deadline instead, which has already passed, except for eapache, which waits for
// a goroutine that sleeps.
var timerSubject = scenario.Subject{Name: "atomic_timer", Loops: map[scenario.Scenario]func() scenario.Loop{
	scenario.Cycle: func() scenario.Loop {
		return atomicCycle(atomicNew(scenario.HalfOpenScene, atomicbreaker.WithRecoveryTimeout(time.Nanosecond)))
	},
}}

// adapterSubject is the library's own package for this purpose. It also counts, joins errors,
// survives a panic of the sink, and has a fallback.
var adapterSubject = scenario.Subject{Name: "breakerio", Loops: scenario.Merge(
	scenario.LogLoops(func(w io.Writer) io.Writer { return breakerio.NewWriter(atomicNew(scenario.UsualScene), w, nil) }),
	laneLoops(), map[scenario.Scenario]func() scenario.Loop{
		scenario.WriteRecord: func() scenario.Loop {
			return scenario.WriteLoop(breakerio.NewWriter(atomicNew(scenario.UsualScene), scenario.Nowhere{}, scenario.Nowhere{}))
		},
	},
)}

// mutexGuarded is the mutex variant with a sink behind it.
var mutexGuarded = scenario.Subject{Name: "mutex", Loops: scenario.Merge(mutexSubject.Loops, scenario.LogLoops(func(w io.Writer) io.Writer {
	return mutexWriter{mutexNew(scenario.UsualScene), w}
}))}

// permitWriter guards a writer by hand, as shown in the README.
type permitWriter struct {
	b *atomicBreaker
	w io.Writer
}

func guardByPermit(w io.Writer) io.Writer { return permitWriter{atomicNew(scenario.UsualScene), w} }

func (g permitWriter) Write(p []byte) (int, error) {
	permit, ok := g.b.TryAcquire()
	if !ok {
		return 0, scenario.ErrRejected
	}
	defer permit.Failure() // counts a panic as a failure; does nothing after a report
	n, err := g.w.Write(p)
	permit.Report(err)
	return n, err
}

type mutexWriter struct {
	b *mutexBreaker
	w io.Writer
}

func (g mutexWriter) Write(p []byte) (n int, err error) {
	err = g.b.Do(func() (err error) {
		n, err = g.w.Write(p)
		return err
	})
	return n, err
}
