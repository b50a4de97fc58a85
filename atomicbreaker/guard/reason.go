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
	Rejected    Reason = iota // the breaker rejected it
	Failed                    // the primary returned an error or made a short write
	Panicked                  // the primary panicked or ended the goroutine
	Busy                      // the primary or a queue above the writer had no room
	RecordError               // the error was the fault of the record
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

// Diversion describes a write that the fallback took instead of the primary.
type Diversion struct {
	Name   string // the breaker's
	Reason Reason
	Err    error // the primary's error, or a match of [atomicbreaker.ErrRejected] that names the state
}

// Stats counts the writes that the primary did not take, by outcome and by reason. The sum of the
// two outcomes equals the sum of the five reasons. Writes that the primary took are not counted,
// because counting each one would write to shared memory. If the adapter is below a buffer, one
// write is a batch of records.
type Stats struct {
	Fallback, Lost uint64 // taken by the fallback; taken by neither

	Rejected, Failed, Panicked, Busy, RecordErrors uint64

	Slow         uint64 // taken by the primary, but over the slow threshold
	Torn         uint64 // taken by the primary in part
	FallbackTorn uint64 // taken by the fallback in part
	Late         uint64 // finished by the primary after the caller gave up
	Outages      uint64 // outages that have ended
}

type counts struct {
	diverted, lost, slow, torn, fallbackTorn, late atomic.Uint64
	reasons                                        [reasons]atomic.Uint64
}

// Stats returns the counts so far. Each count is exact, but while records are being written the
// counts may be from different instants. Late includes only the calls of CountLate; a primary that
// gives up waiting keeps its own count.
func (g *Guard[R]) Stats() Stats {
	c := &g.counts
	return Stats{
		Fallback: c.diverted.Load(), Lost: c.lost.Load(),
		Rejected: c.reasons[Rejected].Load(), Failed: c.reasons[Failed].Load(),
		Panicked: c.reasons[Panicked].Load(), Busy: c.reasons[Busy].Load(),
		RecordErrors: c.reasons[RecordError].Load(),
		Slow:         c.slow.Load(), Torn: c.torn.Load(), FallbackTorn: c.fallbackTorn.Load(),
		Late: c.late.Load(), Outages: g.tracker.outages.Load(),
	}
}

// CountLate counts a write that the primary finishes, or may finish, after its records went to the
// fallback.
func (g *Guard[R]) CountLate() { g.counts.late.Add(1) }

// CountTorn counts a write that the primary took in part. It is for adapters that do not report the
// write with FailBytes.
func (g *Guard[R]) CountTorn() { g.counts.torn.Add(1) }
