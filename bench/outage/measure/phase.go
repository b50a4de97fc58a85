// SPDX-License-Identifier: Apache-2.0

package measure

import "time"

// Phase is a part of the run in which the sink does one thing. Log calls are measured by phase.
type Phase int

// The phases, in order.
const (
	Healthy   Phase = iota
	Hang            // its process is frozen: it keeps its port and connections, and answers nothing
	Resumed         // it goes on where it was
	Dead            // it was killed: nobody listens
	Restarted       // another process, on the same port
	Phases          // how many there are
)

// PhaseNames are the phases' names in what is shown.
var PhaseNames = [Phases]string{"healthy", "hang", "resumed", "dead", "restarted"}

// Begins is when each phase begins, in per cent of the run.
var Begins = [Phases]int{0, 15, 40, 60, 80}

// At returns when the phase begins in a run of that duration. Phases.At is the end of the run.
func (p Phase) At(duration time.Duration) time.Duration {
	if p == Phases {
		return duration
	}
	return duration / 100 * time.Duration(Begins[p])
}

// IsDown reports whether the sink is down in this phase.
func (p Phase) IsDown() bool { return p == Hang || p == Dead }
