// SPDX-License-Identifier: Apache-2.0

package breakerio

import "github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"

// Option sets one thing of a [Writer]. If an option is repeated, the last one wins; a nil function is as if not given.
//
// The functions that options set run inside the guarded write. They must not log through the logger that it serves: the
// handlers of log/slog and log hold a mutex while they write, so such a function would wait for itself. A function may
// count, send to a channel, or write elsewhere. A panic in one is contained and reported on os.Stderr (see [WithRepanic]).
type Option func(*guard.BytesOptions)

// WithRecordErrors separates the errors of a record (too large, malformed, HTTP 400) from those of the sink. If is returns true,
// the record goes to the fallback and the breaker hears of neither failure nor success.
func WithRecordErrors(is func(error) bool) Option {
	return func(o *guard.BytesOptions) { o.IsRecordError = is }
}

// WithOnLost sets a function that is called with what neither the primary nor the fallback took, and with the error that
// Write returns. p is valid during the call only. Of a batch p holds the lines that are lost.
//
// Without it, losses are reported on os.Stderr: the first at once, later ones together in one line every 10 seconds. Nothing
// is reported there if os.Stderr is the primary or the fallback, by itself or below a Lane. In another wrapper os.Stderr
// cannot be recognized.
func WithOnLost(f func(p []byte, err error)) Option {
	return func(o *guard.BytesOptions) { o.OnLost = f }
}

// WithOnDiverted sets a function that is called for each write that the fallback took, with the reason.
func WithOnDiverted(f func(Diversion)) Option {
	return func(o *guard.BytesOptions) { o.OnDiverted = f }
}

// WithOnOutage sets a function that is called once per outage, when the primary takes records again: see [Outage].
func WithOnOutage(f func(Outage)) Option {
	return func(o *guard.BytesOptions) { o.OnOutage = f }
}

// WithLossAsSuccess lets Write return len(p) and no error for a record that is lost, once it has been reported. It is for
// loggers that write never again after an error: through bufio.Writer, and through zap's BufferedWriteSyncer.
//
// A bufio.Writer cuts a record where its buffer is full, and one part may reach the primary and the other the fallback. A
// [Batcher] keeps records whole.
func WithLossAsSuccess() Option {
	return func(o *guard.BytesOptions) { o.LossAsSuccess = true }
}

// WithRepanic lets a panic of a sink or of a user's function go on, unchanged, once the record is in the fallback or
// reported lost. Without it panics are recovered: a sink that panics is a sink that failed.
func WithRepanic() Option {
	return func(o *guard.BytesOptions) { o.Repanic = true }
}

// WithWholeRecords says that a write is one record, of one or several lines. A write that the primary cut goes to the
// fallback whole then. Without it a write that ends with a newline is a batch of lines, and the fallback gets those that the
// primary does not hold whole.
func WithWholeRecords() Option {
	return func(o *guard.BytesOptions) { o.WholeRecords = true }
}

// WithAsyncProbes makes probes asynchronous, so that no caller waits for one. While the breaker is half-open, a record goes
// to the fallback at once, and a copy of it is the probe. A probe that succeeds is in both sinks, and counts as late.
//
// The primary must be a *[Lane].
func WithAsyncProbes() Option {
	return func(o *guard.BytesOptions) { o.AsyncProbes = true }
}
