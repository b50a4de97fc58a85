// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"slices"
	"time"
	"weak"
)

// clock is virtual time: it stands still until the explorer fires a timer. The zero clock starts no
// timers, for programs that post the events of time themselves.
type clock struct{ virtual *virtualTime }

type virtualTime struct {
	now    time.Duration
	saw    func(v uint64)  // called with each reading of the clock
	timers []*runtimeTimer // pending, in the order of their deadlines; of one deadline the oldest first
}

type runtimeTimer struct {
	clock    *virtualTime
	period   *periodTimer
	owner    weak.Pointer[Breaker]
	deadline time.Duration
}

// epoch is where virtual time starts.
var epoch = time.Unix(0, 0)

func (c clock) now() time.Time {
	if c.virtual == nil {
		return epoch
	}
	c.virtual.saw(uint64(c.virtual.now))
	return epoch.Add(c.virtual.now)
}

func (c clock) start(t *periodTimer, d time.Duration, owner weak.Pointer[Breaker]) *runtimeTimer {
	v := c.virtual
	if v == nil {
		return &runtimeTimer{}
	}
	timer := &runtimeTimer{clock: v, period: t, owner: owner, deadline: v.now + max(0, d)}
	at := len(v.timers)
	for at > 0 && v.timers[at-1].deadline > timer.deadline {
		at--
	}
	v.timers = slices.Insert(v.timers, at, timer)
	return timer
}

// fire takes the earliest timer out and moves the clock to its deadline.
func (v *virtualTime) fire() *runtimeTimer {
	timer := v.timers[0]
	v.timers = v.timers[1:]
	v.now = timer.deadline
	return timer
}

func (t *runtimeTimer) Stop() bool {
	if t.clock == nil {
		return false
	}
	at := slices.Index(t.clock.timers, t)
	if at >= 0 {
		t.clock.timers = slices.Delete(t.clock.timers, at, at+1)
	}
	return at >= 0
}
