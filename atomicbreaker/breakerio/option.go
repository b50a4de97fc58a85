// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/guard"
)

// Option sets one thing of a [Writer]. Of an option given twice the last counts; a nil function is as if not given.
type Option func(*guard.BytesOptions)

// WithRecordErrors tells the errors of a record (too large, malformed, HTTP 400) from those of the sink. Where is returns
// true the record goes to the fallback and the breaker hears of neither failure nor success.
func WithRecordErrors(is func(error) bool) Option {
	return func(o *guard.BytesOptions) { o.IsRecordError = is }
}

// WithOnLost sets a function that is called with each record that neither the primary nor the fallback took, and with the
// error that Write returns. p is valid during the call only.
//
// f runs inside the guarded write, so it must not log through the logger that it serves.
func WithOnLost(f func(p []byte, err error)) Option {
	return func(o *guard.BytesOptions) { o.OnLost = f }
}

// WithOnOutage sets a function that is called once per outage, when the primary takes records again: see [Outage].
//
// f runs inside the guarded write, so it must not log through the logger that it serves: under log/slog's and log's
// handlers, which hold a mutex while they write, it would wait for itself. Let it count, send to a channel, or write elsewhere.
func WithOnOutage(f func(Outage)) Option {
	return func(o *guard.BytesOptions) {
		o.OnOutage = nil
		if f != nil {
			o.OnOutage = func(over guard.Outage) { f(Outage(over)) }
		}
	}
}

// WithRepanic lets a sink's panic go on, unchanged, once the record is in the fallback (or, if it is the fallback that
// panicked, reported lost). Without it panics are recovered: a sink that panics is a sink that failed.
func WithRepanic() Option {
	return func(o *guard.BytesOptions) { o.Repanic = true }
}

// Stats counts what the primary of a [Writer] did not take; what it took is not counted, because that would cost a write
// to shared memory per record.
type Stats struct {
	Fallback uint64 // records that the fallback took
	Lost     uint64 // records that neither took
	Torn     uint64 // records of which the primary took a part before it failed; the fallback got them whole
	Outages  uint64 // outages that are over
	Late     uint64 // writes whose records are in the fallback although the primary may still take them
}

// Outage is one outage, as [WithOnOutage] gets it: the time from the first record that the primary did not take to the
// next one that it took with the breaker closed again. Failures that did not open the breaker are no outage.
//
// Every record that went past the primary in that time is counted, those whose failure opened the breaker and those of
// failed probes included. The report comes when the last of them has reached the fallback or was lost. A record that
// is on its way through the breaker in the very moment of the recovery may count in [Stats] alone, and an outage that
// begins in that moment may be reported as one with the last.
type Outage struct {
	Name     string // the breaker's
	Began    time.Time
	Duration time.Duration

	Fallback, Lost uint64 // records
}
