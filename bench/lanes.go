// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"io"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// These are the scenarios of a Lane.
const (
	LaneRecord Scenario = "Lane/width=1/sink=nowhere" // one record, handed to another goroutine, and its result
	LaneBurst  Scenario = "Lane/width=64/sink=5ms"    // 64 goroutines write one record each
)

const (
	burstWidth  = 64
	burstTime   = 5 * time.Millisecond
	laneTimeout = time.Minute // never reached: no scenario has a sink that hangs
)

func laneLoops() map[Scenario]func() Loop {
	return map[Scenario]func() Loop{
		LaneRecord: func() Loop { return writeLoop(breakerio.NewLane(nowhere{}, laneTimeout)) },
		LaneBurst: func() Loop {
			lane := breakerio.NewLane(sleeper{}, laneTimeout, breakerio.WithWidth(burstWidth))
			return burstLoop(breakerio.NewWriter(atomicNew(usual), lane, nil))
		},
	}
}

// handoffSubject is the least that a Lane could cost: the record is copied, and two channels carry
// the turn and the result. It has no timeout.
var handoffSubject = Subject{"handoff", map[Scenario]func() Loop{
	LaneRecord: func() Loop { return writeLoop(newHandoff()) },
}}

type handoff struct {
	mu      sync.Mutex
	buf     []byte
	work    chan struct{}
	results chan error
}

func newHandoff() *handoff {
	h := &handoff{work: make(chan struct{}), results: make(chan error)}
	go func() {
		for range h.work {
			_, err := nowhere{}.Write(h.buf)
			h.results <- err
		}
	}()
	return h
}

func (h *handoff) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf = append(h.buf[:0], p...)
	h.work <- struct{}{}
	return len(p), <-h.results
}

// sleeper is a sink that takes 5 ms for each record, and any number of records at once.
type sleeper struct{}

func (sleeper) Write(p []byte) (int, error) {
	time.Sleep(burstTime)
	return len(p), nil
}

// burstLoop has goroutines of its own, because each of them must write in every turn.
func burstLoop(w io.Writer) Loop {
	write := writeLoop(w)
	return func(n int) {
		var done sync.WaitGroup
		for range burstWidth {
			done.Go(func() { write(n) })
		}
		done.Wait()
	}
}
