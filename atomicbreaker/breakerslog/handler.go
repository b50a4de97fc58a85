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

// errDisabled is the answer of a fallback that is not enabled for a record.
var errDisabled = errors.New("the fallback is not enabled for the record's level")

// Handler is a slog.Handler that takes each record to the primary if the breaker admits it and the primary takes it, and to
// the fallback in the same call otherwise. [NewHandler] makes it.
//
// Properties:
//   - As safe for concurrent use as its two handlers are; it adds no lock.
//   - Handlers derived from it by WithAttrs and WithGroup share its breaker, its counts and its outages.
//   - Healthy, it writes no memory, reads no clock and allocates nothing. A record that is turned away costs no
//     allocation besides the fallback's, except the first one of an outage.
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

// NewHandler returns a Handler that asks b before each record for primary. A nil fallback takes nothing: records that the
// primary does not take are lost then, and reported. It panics if b or primary is nil.
//
// The fallback stands in for the primary, so only records that the primary is enabled for reach it. It is asked whether it is
// enabled, too; what it is not enabled for is lost. Give it a level no higher than the primary's.
//
// A handler that fans out reports one child's failure for all. NewHandler panics if primary is a slog.MultiHandler, and
// cannot see others: make a Handler of each child.
func NewHandler(b *atomicbreaker.Breaker, primary, fallback slog.Handler, opts ...Option) *Handler {
	if b == nil || primary == nil {
		panic("breakerslog: NewHandler needs a breaker and a primary")
	}
	if fansOut(primary) {
		panic("breakerslog: NewHandler: a slog.MultiHandler reports one handler's failure for all: make a Handler of each")
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

// fansOut recognizes the MultiHandler by name, because older versions of log/slog have none.
func fansOut(h slog.Handler) bool { return reflect.TypeOf(h).String() == "*slog.MultiHandler" }

// Enabled says whether the primary is enabled. It does not ask the breaker for admission.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.primary.Enabled(ctx, level)
}

// Handle returns nil if the primary or the fallback took the record. Otherwise the error names both sides, and matches
// [atomicbreaker.ErrRejected] if the breaker turned the record away. After [Handler.Close] it is [fs.ErrClosed], and neither
// gets the record. The fallback and the function of [WithOnLost] get clones, because the primary may have added
// attributes.
//
// A context that has ended does not keep the record from being written: the handlers get [context.WithoutCancel] of it. If
// ctx ends during the call, an error of the primary does not vote.
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

// handleUnquiet is Handle where the handler is closed, an outage is under way, the breaker has a slow threshold, or ctx has
// ended.
//
//go:noinline
func (h *Handler) handleUnquiet(ctx context.Context, r *slog.Record) (err error) {
	if h.guard.Closed() {
		return h.guard.Refusal()
	}
	if ctx == nil { // as slog's own handlers allow
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

// The other ways of Handle are apart from it, because each has a copy of the record, of 288 bytes, in its frame.

//go:noinline
func (h *Handler) reject(ctx context.Context, r *slog.Record) error {
	_, err := h.guard.Reject(record{ctx, *r, h.fallback})
	return err
}

//go:noinline
func (h *Handler) unwound(ctx context.Context, r *slog.Record, permit atomicbreaker.Permit, admitted bool, v any) error {
	if !admitted { // a hook of the breaker ended the goroutine
		return h.reject(ctx, r)
	}
	_, err := h.guard.Unwound(record{ctx, *r, h.fallback}, permit, v)
	return err
}

//go:noinline
func (h *Handler) fail(ctx context.Context, r *slog.Record, permit atomicbreaker.Permit, err error) error {
	diverted := record{ctx, *r, h.fallback}
	if ctx.Err() != nil { // it ended meanwhile: that is the caller's doing
		_, err = h.guard.FailWithoutVote(diverted, permit, err)
	} else {
		_, err = h.guard.Fail(diverted, permit, err)
	}
	return err
}

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

// WithAttrs returns a Handler whose two handlers have the attributes, each in a slice of its own.
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

// Stats returns the counts so far, of this handler and all that are derived from the same one. Torn is always 0: a handler
// does not say how much it wrote.
func (h *Handler) Stats() breakerio.Stats { return h.guard.Stats() }

// Shutdown refuses new records from now on, also through handlers derived from the same one, closes the primary and then
// the fallback, each if it is an [io.Closer], and returns their errors. log/slog's own handlers are none: close the writers
// below them afterwards. For the rest see [breakerio.Writer.Shutdown].
func (h *Handler) Shutdown(ctx context.Context) error {
	return h.guard.Shutdown(ctx,
		func() error { return guard.CloseSink(h.primary) }, func() error { return guard.CloseSink(h.fallback) })
}

// Close is [Handler.Shutdown] with 5 seconds.
func (h *Handler) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), guard.CloseTimeout)
	defer cancel()
	return h.Shutdown(ctx)
}
