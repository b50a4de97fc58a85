// SPDX-License-Identifier: Apache-2.0

package guard

import "time"

// Backlog is the contents of a fallback that keeps records until the sink is back, and what became
// of them. A fallback that has a method Backlog() Backlog, as breakerspool.Spool does, can be
// attached to a breaker of a registry.
type Backlog struct {
	Records uint64    // kept now
	Bytes   int64     // used now, including what is not records
	Oldest  time.Time // when the oldest record was written; zero without one

	Appended uint64 // records written
	Replayed uint64 // records taken by the sink
	Repeated uint64 // records offered to the sink again, after a write that failed
	Dropped  uint64 // records given up
	Corrupt  uint64 // damaged parts, of one or more records each
}
