// SPDX-License-Identifier: Apache-2.0

package breakerslog

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// errDisabled is the fallback's error for a record for which it is not enabled.
var errDisabled = errors.New("the fallback is not enabled for the record's level")

// Handler is a slog.Handler that sends each record to a primary while a circuit breaker admits it.
// What the breaker rejects or the primary does not take goes to the fallback during the same call.
// [NewHandler] creates a Handler.
//
// Properties:
//   - A Handler is safe for concurrent use if both of its handlers are; it adds no lock.
//   - Handlers derived by WithAttrs and WithGroup share the breaker, the counts and the outages.
//   - On the healthy path it writes no memory, reads no clock and allocates nothing. A rejected
//     record costs no allocation beyond those of the fallback, except the first one of an outage.
type Handler struct {
	breaker           *atomicbreaker.Breaker
	primary, fallback slog.Handler
	guard             *guard.Guard[record]
}

// record is what the fallback gets.
type record struct {
	ctx      context.Context
	record   slog.Record
	fallback slog.Handler
}

// NewHandler returns a Handler that passes records to primary while b admits them. If fallback is
// nil, records that the primary does not take are lost and reported. NewHandler panics if b or
// primary is nil.
//
// The fallback gets only records for which the primary is enabled. A record for which the fallback
// is not enabled is lost, so do not give the fallback a higher level than the primary.
//
// A handler that fans out reports a failure of one child for all children, so guard each child.
// NewHandler panics if primary is a slog.MultiHandler. It cannot detect other handlers that fan
// out.
func NewHandler(b *atomicbreaker.Breaker, primary, fallback slog.Handler, opts ...Option) *Handler {
	if b == nil || primary == nil {
		panic("breakerslog: NewHandler needs a breaker and a primary")
	}
	if fansOut(primary) {
		panic("breakerslog: NewHandler: a slog.MultiHandler reports one handler's failure for all: " +
			"make a Handler for each")
	}
	o := options{Options: guard.Options{Adapter: "breakerslog"}}
	for _, opt := range opts {
		opt(&o)
	}
	var onLost func(record, int, error)
	if f := o.onLost; f != nil {
		onLost = func(r record, _ int, err error) { f(r.ctx, r.record.Clone(), err) }
	}
	return &Handler{b, primary, fallback, guard.New(b, o.Options, handleFallback, onLost)}
}

// fansOut recognizes a MultiHandler by its type name, because older versions of log/slog do not
// have that type.
func fansOut(h slog.Handler) bool { return reflect.TypeOf(h).String() == "*slog.MultiHandler" }

// Enabled reports whether the primary is enabled for level. It does not acquire a permit.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.primary.Enabled(ctx, level)
}

// Handle returns nil if the primary or the fallback took the record. Otherwise the error names both
// sides, and matches [atomicbreaker.ErrRejected] if the breaker rejected the record. After
// [Handler.Close] the error matches [fs.ErrClosed], and neither side gets the record. The fallback
// and the function of [WithOnLost] get clones of the record, because the primary may have added
// attributes.
//
// A record is written even if ctx has ended: the handlers then get [context.WithoutCancel] of it.
// If ctx ends during the call, an error of the primary does not count as a failure.
func (h *Handler) Handle(ctx context.Context, r slog.Record) (err error) {
	if ctx == nil || ctx.Err() != nil || !h.guard.Quiet() {
		return h.handleUnquiet(ctx, &r)
	}
	var permit atomicbreaker.Permit
	returned, admitted := false, false
	defer func() {
		if !returned {
			var v any
			if admitted && !h.guard.Repanic() {
				v = recover()
			}
			err = h.unwound(ctx, &r, permit, admitted, v)
		}
	}()
	if permit, admitted = h.breaker.TryAcquire(); !admitted {
		returned = true
		return h.reject(ctx, &r)
	}
	err = h.primary.Handle(ctx, r)
	returned = true
	if err != nil {
		return h.fail(ctx, &r, permit, err)
	}
	if !h.guard.Quiet() {
		h.guard.Finish(&permit, time.Time{})
		return nil
	}
	permit.Success()
	return nil
}

// handleUnquiet is Handle with everything that the healthy path skips: the Handler may be closed,
// an outage may be in progress, the breaker may have a slow threshold, or ctx may be nil or have
// ended.
//
//go:noinline
func (h *Handler) handleUnquiet(ctx context.Context, r *slog.Record) (err error) {
	if h.guard.Closed() {
		return h.guard.Refusal()
	}
	if ctx == nil { // slog's own handlers allow this
		ctx = context.Background()
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	var permit atomicbreaker.Permit
	returned, admitted := false, false
	defer func() {
		if !returned {
			var v any
			if admitted && !h.guard.Repanic() {
				v = recover()
			}
			err = h.unwound(ctx, r, permit, admitted, v)
		}
	}()
	if permit, admitted = h.breaker.TryAcquire(); !admitted {
		returned = true
		return h.reject(ctx, r)
	}
	start := h.guard.Start()
	err = h.primary.Handle(ctx, *r)
	returned = true
	if err != nil {
		return h.fail(ctx, r, permit, err)
	}
	h.guard.Finish(&permit, start)
	return nil
}

// The functions below are not part of Handle, because each has a copy of the record, of 288 bytes,
// in its frame.

//go:noinline
func (h *Handler) reject(ctx context.Context, r *slog.Record) error {
	_, err := h.guard.Reject(record{ctx, *r, h.fallback})
	return err
}

//go:noinline
func (h *Handler) unwound(
	ctx context.Context, r *slog.Record, permit atomicbreaker.Permit, admitted bool, v any,
) error {
	if !admitted { // a hook of the breaker ended the goroutine
		return h.reject(ctx, r)
	}
	_, err := h.guard.Unwound(record{ctx, *r, h.fallback}, permit, v)
	return err
}

//go:noinline
func (h *Handler) fail(
	ctx context.Context, r *slog.Record, permit atomicbreaker.Permit, err error,
) error {
	diverted := record{ctx, *r, h.fallback}
	if ctx.Err() != nil { // the caller canceled; this says nothing about the primary
		_, err = h.guard.FailWithoutVote(diverted, permit, err)
	} else {
		_, err = h.guard.Fail(diverted, permit, err)
	}
	return err
}

// handleFallback writes a record to its fallback.
func handleFallback(r record) (int, error) {
	if r.fallback == nil {
		return 0, guard.ErrNoFallback
	}
	if r.ctx.Err() != nil {
		r.ctx = context.WithoutCancel(r.ctx)
	}
	if !r.fallback.Enabled(r.ctx, r.record.Level) {
		return 0, errDisabled
	}
	return 0, r.fallback.Handle(r.ctx, r.record.Clone())
}

// WithAttrs returns a Handler whose two handlers have the attributes, each in its own slice.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	derived := *h
	if h.fallback != nil {
		derived.fallback = h.fallback.WithAttrs(slices.Clone(attrs))
	}
	derived.primary = h.primary.WithAttrs(attrs)
	return &derived
}

// WithGroup returns a Handler whose two handlers have the group.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	derived := *h
	if h.fallback != nil {
		derived.fallback = h.fallback.WithGroup(name)
	}
	derived.primary = h.primary.WithGroup(name)
	return &derived
}

// Stats returns the counts so far of this Handler and of all Handlers derived from the same one.
// Torn is always 0, because a handler does not say how much it wrote.
func (h *Handler) Stats() breakerio.Stats { return h.guard.Stats() }

// Shutdown rejects all further records, including those of Handlers derived from the same one. It
// closes the primary and then the fallback, each if it is an [io.Closer], and returns their errors.
// The handlers of log/slog are not closers: close the writers below them afterwards. For timeouts
// see [breakerio.Writer.Shutdown].
func (h *Handler) Shutdown(ctx context.Context) error {
	return h.guard.Shutdown(
		ctx,
		func() error { return guard.CloseSink(h.primary) },
		func() error { return guard.CloseSink(h.fallback) },
	)
}

// Close calls [Handler.Shutdown] with a timeout of 5 s.
func (h *Handler) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), guard.CloseTimeout)
	defer cancel()
	return h.Shutdown(ctx)
}
