// SPDX-License-Identifier: Apache-2.0

package explore

import (
	"slices"
	"time"
)

// Clock is virtual time. It stands still until a scheduler fires a timer.
type Clock struct {
	Now     time.Duration
	Saw     func(v uint64) // called with each reading of the clock
	Pending []*Timer       // by deadline; of equal deadlines, the oldest first
}

// Timer is a one-shot timer of a [Clock].
type Timer struct {
	Clock    *Clock // nil: the timer never fires
	Deadline time.Duration
	Hash     uint64 // of what was given to Start, and of Deadline
	Of       any    // what the starter of the timer wants back
}

// Read returns the time.
func (c *Clock) Read() time.Duration {
	c.Saw(uint64(c.Now))
	return c.Now
}

// Start adds a timer that fires after d. hash and of are for the starter.
func (c *Clock) Start(d time.Duration, hash uint64, of any) *Timer {
	t := &Timer{Clock: c, Deadline: c.Now + max(0, d), Of: of}
	t.Hash = Mix(hash, uint64(t.Deadline))
	at := len(c.Pending)
	for at > 0 && c.Pending[at-1].Deadline > t.Deadline {
		at--
	}
	c.Pending = slices.Insert(c.Pending, at, t)
	return t
}

// fire removes the earliest timer and moves the clock to its deadline.
func (c *Clock) fire() *Timer {
	t := c.Pending[0]
	c.Pending = c.Pending[1:]
	c.Now = t.Deadline
	return t
}

// Stop removes the timer and reports whether it was pending.
func (t *Timer) Stop() bool {
	if t.Clock == nil {
		return false
	}
	at := slices.Index(t.Clock.Pending, t)
	if at >= 0 {
		t.Clock.Pending = slices.Delete(t.Clock.Pending, at, at+1)
	}
	return at >= 0
}
