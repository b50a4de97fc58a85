// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"sync"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// Handoff is the least that a Lane could cost: the record is copied, and two channels carry
// the turn and the result. It has no timeout.
var Handoff = scenario.Subject{Name: "handoff", Loops: scenario.Loops{
	scenario.LaneRecord: func() scenario.Loop { return scenario.WriteLoop(newHandoff()) },
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
			_, err := scenario.Nowhere{}.Write(h.buf)
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
