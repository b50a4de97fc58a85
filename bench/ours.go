// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"io"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// ours is atomic with what the controls lack: a hook, and a sink behind it.
var ours = Subject{"atomic", merge(atomicSubject.Loops, logLoops(guardByPermit), map[Scenario]func() Loop{
	CycleHook: func() Loop {
		var count int
		return atomicCycle(atomicNew(halfOpen, atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { count++ })))
	},
})}

// timerSubject is the cycle with a recovery timeout that is not 0. It starts a runtime timer at
// every trip and another at every closing, and waits until the runtime has run the first. Its
// rivals compare a deadline instead, which has already passed, except for eapache, which waits for
// a goroutine that sleeps.
var timerSubject = Subject{"atomic_timer", map[Scenario]func() Loop{
	Cycle: func() Loop {
		return atomicCycle(atomicNew(halfOpen, atomicbreaker.WithRecoveryTimeout(time.Nanosecond)))
	},
}}

// adapterSubject is the library's own package for this purpose. It also counts, joins errors,
// survives a panic of the sink, and has a fallback.
var adapterSubject = Subject{"breakerio", merge(
	logLoops(func(w io.Writer) io.Writer { return breakerio.NewWriter(atomicNew(usual), w, nil) }),
	laneLoops(), map[Scenario]func() Loop{
		WriteRecord: func() Loop { return writeLoop(breakerio.NewWriter(atomicNew(usual), nowhere{}, nowhere{})) },
	},
)}

// mutexGuarded is the mutex variant with a sink behind it.
var mutexGuarded = Subject{"mutex", merge(mutexSubject.Loops, logLoops(func(w io.Writer) io.Writer {
	return mutexWriter{mutexNew(usual), w}
}))}

// permitWriter guards a writer by hand, as shown in the README.
type permitWriter struct {
	b *atomicBreaker
	w io.Writer
}

func guardByPermit(w io.Writer) io.Writer { return permitWriter{atomicNew(usual), w} }

func (g permitWriter) Write(p []byte) (int, error) {
	permit, ok := g.b.TryAcquire()
	if !ok {
		return 0, errRejected
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
