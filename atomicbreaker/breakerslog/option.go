// SPDX-License-Identifier: Apache-2.0

package breakerslog

import (
	"context"
	"log/slog"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Option sets one thing of a [Handler]. Of an option given twice the last counts; a nil function is as if not given.
type Option func(*options)

type options struct {
	guard.Options
	onLost func(context.Context, slog.Record, error)
}

// WithRecordErrors tells the errors of a record from those of the sink: where is returns true the record goes to the
// fallback and the breaker hears of neither failure nor success.
func WithRecordErrors(is func(error) bool) Option {
	return func(o *options) { o.IsRecordError = is }
}

// WithOnLost sets a function that is called with each record that neither handler took, and with the error that Handle
// returns; slog's Logger drops that. f runs inside the guarded call and must not log through the logger that it serves.
func WithOnLost(f func(context.Context, slog.Record, error)) Option {
	return func(o *options) { o.onLost = f }
}

// WithOnOutage sets a function that is called once per outage, when the primary takes records again. f runs inside the
// guarded call and must not log through the logger that it serves.
func WithOnOutage(f func(breakerio.Outage)) Option {
	return func(o *options) {
		o.OnOutage = nil
		if f != nil {
			o.OnOutage = func(over guard.Outage) { f(breakerio.Outage(over)) }
		}
	}
}

// WithRepanic lets a handler's panic go on, unchanged, once the record is in the fallback. Without it panics are recovered.
func WithRepanic() Option {
	return func(o *options) { o.Repanic = true }
}
