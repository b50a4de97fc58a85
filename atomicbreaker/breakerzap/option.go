// SPDX-License-Identifier: Apache-2.0

package breakerzap

import (
	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// CoreOption sets one thing of a [Core]. If an option is repeated, the last one wins; a nil function is as if not given.
// [NewWriteSyncer] takes the options of package breakerio instead.
//
// The functions that options set run inside the guarded call and must not log through the logger that it serves. A panic in
// one is contained and reported on os.Stderr (see [WithRepanic]).
type CoreOption func(*coreOptions)

type coreOptions struct {
	guard.Options
	onLost func(zapcore.Entry, []zapcore.Field, error)
}

// WithRecordErrors separates the errors of an entry from those of the sink. If is returns true, the entry goes to the fallback
// and the breaker hears of neither failure nor success.
func WithRecordErrors(is func(error) bool) CoreOption {
	return func(o *coreOptions) { o.IsRecordError = is }
}

// WithOnLost sets a function that is called with each entry that neither core took, and with the error that Write returns.
// Without it, losses are reported on os.Stderr: the first at once, later ones together in one line every 10 seconds.
func WithOnLost(f func(zapcore.Entry, []zapcore.Field, error)) CoreOption {
	return func(o *coreOptions) { o.onLost = f }
}

// WithOnDiverted sets a function that is called for each entry that the fallback took, with the reason.
func WithOnDiverted(f func(breakerio.Diversion)) CoreOption {
	return func(o *coreOptions) { o.OnDiverted = f }
}

// WithOnOutage sets a function that is called once per outage, when the primary takes entries again.
func WithOnOutage(f func(breakerio.Outage)) CoreOption {
	return func(o *coreOptions) { o.OnOutage = f }
}

// WithLossAsSuccess lets Write return no error for an entry that is lost, once it has been reported.
func WithLossAsSuccess() CoreOption {
	return func(o *coreOptions) { o.LossAsSuccess = true }
}

// WithRepanic lets a panic of a core or of a user's function go on, unchanged, once the entry is in the fallback or reported
// lost. Without it panics are recovered.
func WithRepanic() CoreOption {
	return func(o *coreOptions) { o.Repanic = true }
}
