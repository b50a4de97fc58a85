// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"sync/atomic"
)

// Reason says why the primary did not take a write.
type Reason uint8

// The reasons.
const (
	Rejected    Reason = iota // the breaker did not admit it
	Failed                    // the primary returned an error, or wrote short
	Panicked                  // the primary panicked, or ended the goroutine
	Busy                      // the primary had no time for it, or a queue above the writer no room
	RecordError               // the record is at fault, not the primary
	reasons
)

var reasonNames = [...]string{"rejected", "failed", "panicked", "busy", "record error"}

// String returns "rejected", "failed", "panicked", "busy" or "record error".
func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// Diversion is one write that the fallback took in place of the primary.
type Diversion struct {
	Name   string // the breaker's
	Reason Reason
	Err    error // the primary's, or one that matches [atomicbreaker.ErrRejected] and names the state
}

// Stats counts the writes that the primary did not take, by where they ended and by reason: the two
// kinds of count have the same sum. What the primary took is not counted, because that would cost each
// write an access to shared memory. Below a buffer one write is a batch of records.
type Stats struct {
	Fallback, Lost uint64 // taken by the fallback; refused by both

	Rejected, Failed, Panicked, Busy, RecordErrors uint64

	Slow         uint64 // taken by the primary, and over the slow threshold
	Torn         uint64 // of which the primary took a part
	FallbackTorn uint64 // of which the fallback took a part
	Late         uint64 // finished by the primary after their caller had given up
	Outages      uint64 // outages that are over
}

type counts struct {
	diverted, lost, slow, torn, fallbackTorn, late atomic.Uint64
	reasons                                        [reasons]atomic.Uint64
}

// Stats returns the counts so far. Each is exact; while records are written they need not be of one
// instant. Late is what CountLate has counted: a primary that gives up waiting counts its own.
func (g *Guard[R]) Stats() Stats {
	c := &g.counts
	return Stats{
		Fallback: c.diverted.Load(), Lost: c.lost.Load(),
		Rejected: c.reasons[Rejected].Load(), Failed: c.reasons[Failed].Load(), Panicked: c.reasons[Panicked].Load(),
		Busy: c.reasons[Busy].Load(), RecordErrors: c.reasons[RecordError].Load(),
		Slow: c.slow.Load(), Torn: c.torn.Load(), FallbackTorn: c.fallbackTorn.Load(), Late: c.late.Load(), Outages: g.trouble.outages.Load(),
	}
}

// CountLate counts a write that the primary finishes, or may finish, while its records are in the
// fallback.
func (g *Guard[R]) CountLate() { g.counts.late.Add(1) }

// CountTorn counts a write of which the primary took a part, for an adapter that does not report it with
// FailBytes.
func (g *Guard[R]) CountTorn() { g.counts.torn.Add(1) }
