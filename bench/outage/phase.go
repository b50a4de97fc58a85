// SPDX-License-Identifier: Apache-2.0

package main

import "time"

// phase is a part of the run in which the sink does one thing. Log calls are measured by phase.
type phase int

const (
	healthy   phase = iota
	hang            // the sink's process is frozen: it still has its port and its connections, and answers nothing
	resumed         // it goes on where it was
	dead            // it was killed: nobody listens
	restarted       // another process, on the same port
	phases          // how many there are
)

var phaseNames = [phases]string{"healthy", "hang", "resumed", "dead", "restarted"}

// begins is when each phase begins, in per cent of the run.
var begins = [phases]int{0, 15, 40, 60, 80}

// at is how long after the start of a run of that duration the phase begins; at(phases) is its end.
func (p phase) at(duration time.Duration) time.Duration {
	if p == phases {
		return duration
	}
	return duration / 100 * time.Duration(begins[p])
}

// isDown says whether the sink takes nothing in this phase.
func (p phase) isDown() bool { return p == hang || p == dead }
