// SPDX-License-Identifier: Apache-2.0

package breakerio

import "github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"

// Test for these with [errors.Is].
var (
	// ErrBusy matches the error of a sink that had no time for a record: a [Lane] returns it for one that
	// did not get its turn, or that met a hang which [ErrHung] has already reported. It does not vote: a
	// [Writer] whose primary returns it gives the record to the fallback, and reports neither failure
	// nor success.
	ErrBusy = guard.ErrBusy

	// ErrNoFallback matches the error of a record that the primary did not take, where there is no fallback.
	ErrNoFallback = guard.ErrNoFallback
)

// The types that all adapters share.
type (
	// Stats counts the writes that the primary did not take.
	Stats = guard.Stats

	// Reason says why the primary did not take a write.
	Reason = guard.Reason

	// Diversion is one write that the fallback took in place of the primary: see [WithOnDiverted].
	Diversion = guard.Diversion

	// Outage is one outage that is over: see [WithOnOutage].
	Outage = guard.Outage
)

// The reasons.
const (
	Rejected    = guard.Rejected    // the breaker did not admit it
	Failed      = guard.Failed      // the primary returned an error, or wrote short
	Panicked    = guard.Panicked    // the primary panicked, or ended the goroutine
	Busy        = guard.Busy        // the primary had no time for it, or a queue above the writer no room
	RecordError = guard.RecordError // the record is at fault, not the primary
)
