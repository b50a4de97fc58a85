// SPDX-License-Identifier: Apache-2.0

package breakerio

import "github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"

// Test for these with [errors.Is].
var (
	// ErrBusy matches the error of a sink that had no capacity for a record. A [Lane] returns it
	// for a record that did not get its turn, or that met a hang which [ErrHung] has already
	// reported. If the primary returns it, a [Writer] sends the record to the fallback and reports
	// neither failure nor success to the breaker.
	ErrBusy = guard.ErrBusy

	// ErrNoFallback matches the error of a record that the primary did not take if there is no
	// fallback.
	ErrNoFallback = guard.ErrNoFallback
)

// Types shared by all adapters.
type (
	// Stats counts the writes that the primary did not take.
	Stats = guard.Stats

	// Reason says why the primary did not take a write.
	Reason = guard.Reason

	// Diversion describes a write that the fallback took instead of the primary: see
	// [WithOnDiverted].
	Diversion = guard.Diversion

	// Outage describes an outage that has ended: see [WithOnOutage].
	Outage = guard.Outage
)

// The reasons.
const (
	Rejected    = guard.Rejected    // the breaker rejected it
	Failed      = guard.Failed      // the primary returned an error or made a short write
	Panicked    = guard.Panicked    // the primary panicked or ended the goroutine
	Busy        = guard.Busy        // the primary or a queue above the writer had no room
	RecordError = guard.RecordError // the error was the fault of the record
)
