// SPDX-License-Identifier: Apache-2.0

package breakerio

import "github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"

// Option configures a [Writer]. If an option is repeated, the last one wins. An option whose
// function is nil has no effect.
//
// The functions passed to options run inside the guarded write. They must not log through the
// logger that the Writer serves: the handlers of log/slog and log hold a mutex while they write, so
// such a function would deadlock. They may be called concurrently. They may count, send to a
// channel, or write elsewhere. A panic in one is recovered and reported on os.Stderr (see
// [WithRepanic]).
type Option func(*options)

type options struct {
	guard.BytesOptions
	asyncProbes bool
}

// WithRecordErrors separates errors of a record (too large, malformed, HTTP 400) from errors of the
// sink. If is returns true, the record goes to the fallback, and the breaker counts neither a
// failure nor a success.
func WithRecordErrors(is func(error) bool) Option {
	return func(o *options) { o.IsRecordError = is }
}

// WithOnLost sets a function that is called with each write that neither the primary nor the
// fallback took, and with the error that Write returns. For a batch, p holds only the lines that
// are lost. p is valid only during the call.
//
// Without WithOnLost, losses are reported on os.Stderr: the first at once, later ones together in
// one line every 10 seconds. If the primary or the fallback is os.Stderr, directly or below a Lane,
// nothing is reported there. os.Stderr inside another wrapper is not recognized.
func WithOnLost(f func(p []byte, err error)) Option {
	return func(o *options) { o.OnLost = f }
}

// WithOnDiverted sets a function that is called for each write that the fallback took, with the
// reason.
func WithOnDiverted(f func(Diversion)) Option {
	return func(o *options) { o.OnDiverted = f }
}

// WithOnOutage sets a function that is called once per outage, when the primary takes records
// again: see [Outage].
func WithOnOutage(f func(Outage)) Option {
	return func(o *options) { o.OnOutage = f }
}

// WithLossAsSuccess makes Write return len(p) and no error for a record that is lost, after the
// loss has been reported. Use it below writers that stop for good after an error, such as
// bufio.Writer and zap's BufferedWriteSyncer.
//
// A bufio.Writer splits a record where its buffer is full, so one part may reach the primary and
// the other the fallback. A [Batcher] keeps records whole.
func WithLossAsSuccess() Option {
	return func(o *options) { o.LossAsSuccess = true }
}

// WithRepanic lets a panic of a sink or of a user's function continue unchanged after the record is
// in the fallback or reported lost. By default panics are recovered, and a panic of the primary
// counts as a failure.
//
// With [WithAsyncProbes], the user's functions also run on the goroutine of a probe. A panic there
// has no caller to continue in, so it ends the program. A panic of the sink in a probe does not.
func WithRepanic() Option {
	return func(o *options) { o.Repanic = true }
}

// WithWholeRecords says that each write is one record, of one or more lines. A write that the
// primary took in part then goes to the fallback whole. Without it, a write that ends with a
// newline is a batch of lines, and the fallback gets the lines that the primary did not take whole.
func WithWholeRecords() Option {
	return func(o *options) { o.WholeRecords = true }
}

// WithAsyncProbes makes probes asynchronous, so that no caller waits for one. While the breaker is
// half-open, each record goes to the fallback at once, and a copy of it may be sent to the primary
// as a probe. The record of a successful probe is in both sinks and counts as late.
//
// The primary must be a *[Lane]. See [WithRepanic] for panics in a probe.
func WithAsyncProbes() Option {
	return func(o *options) { o.asyncProbes = true }
}

// WithAdapter sets the name at the beginning of errors and of reports on os.Stderr. The default is
// "breakerio". Use it in a package that adapts a Writer to a logger.
func WithAdapter(name string) Option {
	return func(o *options) { o.Adapter = name }
}
