// SPDX-License-Identifier: Apache-2.0

package breakerzap

import (
	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// CoreOption configures a [Core]. If an option is repeated, the last one wins. An option whose
// function is nil has no effect. [NewWriteSyncer] takes the options of package breakerio instead.
//
// The functions passed to options run inside the guarded call, may be called concurrently, and must
// not log through the logger that the Core serves. A panic in one is recovered and reported on
// os.Stderr (see [WithRepanic]).
type CoreOption func(*coreOptions)

type coreOptions struct {
	guard.Options
	onLost func(zapcore.Entry, []zapcore.Field, error)
}

// WithRecordErrors separates errors of an entry from errors of the sink. If is returns true, the
// entry goes to the fallback, and the breaker counts neither a failure nor a success.
func WithRecordErrors(is func(error) bool) CoreOption {
	return func(o *coreOptions) { o.IsRecordError = is }
}

// WithOnLost sets a function that is called with each entry that neither core took, and with the
// error that Write returns. Without WithOnLost, losses are reported on os.Stderr: the first at
// once, later ones together in one line every 10 seconds.
func WithOnLost(f func(zapcore.Entry, []zapcore.Field, error)) CoreOption {
	return func(o *coreOptions) { o.onLost = f }
}

// WithOnDiverted sets a function that is called for each entry that the fallback took, with the
// reason.
func WithOnDiverted(f func(breakerio.Diversion)) CoreOption {
	return func(o *coreOptions) { o.OnDiverted = f }
}

// WithOnOutage sets a function that is called once per outage, when the primary takes entries
// again.
func WithOnOutage(f func(breakerio.Outage)) CoreOption {
	return func(o *coreOptions) { o.OnOutage = f }
}

// WithLossAsSuccess makes Write return no error for an entry that is lost, after the loss has been
// reported.
func WithLossAsSuccess() CoreOption {
	return func(o *coreOptions) { o.LossAsSuccess = true }
}

// WithRepanic lets a panic of a core or of a user's function continue unchanged after the entry is
// in the fallback or reported lost. By default panics are recovered, and a panic of the primary
// counts as a failure.
func WithRepanic() CoreOption {
	return func(o *coreOptions) { o.Repanic = true }
}
