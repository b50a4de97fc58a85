// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// Entry describes a registered breaker at the time of the call that returned it.
//
// Snapshot is one instant of the breaker. Since, LastError, Transitions, NotClosed and History are
// one instant of the registry's hook, which runs after the breaker has changed. The hook may be
// late: if Snapshot.Generation is larger than that of the last transition in History, the breaker
// has made transitions that these fields do not include yet. RetryAfter, and each of Parts, is read
// by itself.
//
// An Entry refers to its breaker and keeps it in memory. Do not store it.
type Entry struct {
	ID      uint64 // unique in the process and never reused; another process uses the same numbers
	Name    string // of the breaker; not unique
	Group   string // the name of its [Group], or ""
	Breaker *atomicbreaker.Breaker

	Snapshot   atomicbreaker.Snapshot
	RetryAfter time.Duration // until a probe may be admitted; 0 unless the breaker is open

	Since       time.Time                  // of the last transition, or of New
	LastError   error                      // the last error that made a transition, or nil
	Transitions Transitions                // since New
	NotClosed   time.Duration              // in any state but Closed, up to now
	History     []atomicbreaker.Transition // the last 32, oldest first

	Parts []Part // attached, in the order of Attach
}
