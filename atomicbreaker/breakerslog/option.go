// SPDX-License-Identifier: Apache-2.0

package breakerslog

import (
	"context"
	"log/slog"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Option configures a [Handler]. If an option is repeated, the last one wins. An option whose
// function is nil has no effect.
//
// The functions passed to options run inside the guarded call, may be called concurrently, and must
// not log through the logger that the Handler serves. A panic in one is recovered and reported on
// os.Stderr (see [WithRepanic]).
type Option func(*options)

type options struct {
	guard.Options
	onLost func(context.Context, slog.Record, error)
}

// WithRecordErrors separates errors of a record from errors of the sink. If is returns true, the
// record goes to the fallback, and the breaker counts neither a failure nor a success.
func WithRecordErrors(is func(error) bool) Option {
	return func(o *options) { o.IsRecordError = is }
}

// WithOnLost sets a function that is called with each record that neither handler took, and with
// the error that Handle returns; slog's Logger discards that error. Without WithOnLost, losses are
// reported on os.Stderr: the first at once, later ones together in one line every 10 seconds.
func WithOnLost(f func(context.Context, slog.Record, error)) Option {
	return func(o *options) { o.onLost = f }
}

// WithOnDiverted sets a function that is called for each record that the fallback took, with the
// reason.
func WithOnDiverted(f func(breakerio.Diversion)) Option {
	return func(o *options) { o.OnDiverted = f }
}

// WithOnOutage sets a function that is called once per outage, when the primary takes records
// again.
func WithOnOutage(f func(breakerio.Outage)) Option {
	return func(o *options) { o.OnOutage = f }
}

// WithLossAsSuccess makes Handle return no error for a record that is lost, after the loss has been
// reported.
func WithLossAsSuccess() Option {
	return func(o *options) { o.LossAsSuccess = true }
}

// WithRepanic lets a panic of a handler or of a user's function continue unchanged after the record
// is in the fallback or reported lost. By default panics are recovered, and a panic of the primary
// counts as a failure.
func WithRepanic() Option {
	return func(o *options) { o.Repanic = true }
}
