// SPDX-License-Identifier: Apache-2.0

package breakerzap

import (
	"context"
	"reflect"
	"slices"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Core is a zapcore.Core that sends each entry to a primary while a circuit breaker admits it. What
// the breaker rejects or the primary does not take goes to the fallback during the same call.
// [NewCore] creates a Core.
//
// A Core is safe for concurrent use if both of its cores are. Cores derived by With share the
// breaker, the counts and the outages. A panic of the primary is recovered (see [WithRepanic]), and
// the entry goes to the fallback.
//
// A Core relies on the primary's error. zap's own core returns the error of its WriteSyncer but
// ignores the number of bytes written, so a WriteSyncer that writes short without an error looks
// healthy. [NewWriteSyncer] detects short writes.
type Core struct {
	breaker           *atomicbreaker.Breaker
	primary, fallback zapcore.Core
	guard             *guard.Guard[entry]
	plain             bool // the primary is zap's own core, whose Check only tests the level
}

// entry is what the fallback gets.
type entry struct {
	entry    zapcore.Entry
	fields   []zapcore.Field
	fallback zapcore.Core
}

// NewCore returns a Core that passes entries to primary while b admits them. If fallback is nil,
// entries that the primary does not take are lost and reported. NewCore panics if b or primary is
// nil.
//
// It also panics if either core is one of zapcore.RegisterHooks, whose Write writes nothing, or of
// zapcore.NewTee, whose Write ignores the levels of its members. Put these around the Core, or put
// a Core into each member. NewCore cannot detect one that is hidden inside another core.
//
// zap unlocks zapcore.Lock without a defer, so a sink that panics below it (zap.Open and zap.Config
// put it there) leaves it locked and hangs from then on. Put a [breakerio.Lane] above such a sink.
//
// An entry that the primary's Check accepts reaches the fallback regardless of the fallback's
// level, because the Write of a core does not test the level. An entry that neither core takes is
// counted as lost and reported (see [WithOnLost]), and its error goes to zap's ErrorOutput.
func NewCore(b *atomicbreaker.Breaker, primary, fallback zapcore.Core, opts ...CoreOption) *Core {
	if b == nil || primary == nil {
		panic("breakerzap: NewCore needs a breaker and a primary")
	}
	for _, core := range []zapcore.Core{primary, fallback} {
		switch reflect.TypeOf(core) {
		case hooked:
			panic("breakerzap: NewCore: a core of zapcore.RegisterHooks writes nothing itself: " +
				"register the hooks around the Core")
		case tee:
			panic("breakerzap: NewCore: a zapcore.NewTee ignores the levels of its members: " +
				"make a Core for each")
		}
	}
	o := coreOptions{Options: guard.Options{Adapter: "breakerzap"}}
	for _, opt := range opts {
		opt(&o)
	}
	var onLost func(entry, int, error)
	if f := o.onLost; f != nil {
		onLost = func(e entry, _ int, err error) { f(e.entry, e.fields, err) }
	}
	return &Core{
		b, primary, fallback,
		guard.New(b, o.Options, writeFallback, onLost), reflect.TypeOf(primary) == zapsOwn,
	}
}

// Types of cores that zapcore does not export; zapsOwn is that of zapcore.NewCore.
var (
	zapsOwn = reflect.TypeOf(zapcore.NewCore(nil, nil, zapcore.InfoLevel))
	hooked  = reflect.TypeOf(zapcore.RegisterHooks(zapcore.NewNopCore()))
	tee     = reflect.TypeOf(zapcore.NewTee(zapcore.NewNopCore(), zapcore.NewNopCore()))
)

// writeFallback writes an entry to its fallback.
func writeFallback(e entry) (int, error) {
	if e.fallback == nil {
		return 0, guard.ErrNoFallback
	}
	return 0, e.fallback.Write(e.entry, e.fields)
}

// Enabled reports whether the primary is enabled for l.
func (c *Core) Enabled(l zapcore.Level) bool { return c.primary.Enabled(l) }

// Level returns the primary's level.
func (c *Core) Level() zapcore.Level { return zapcore.LevelOf(c.primary) }

// With returns a Core whose two cores have the fields, each in its own slice.
func (c *Core) With(fields []zapcore.Field) zapcore.Core {
	derived := *c
	if c.fallback != nil {
		derived.fallback = c.fallback.With(slices.Clone(fields))
	}
	derived.primary = c.primary.With(fields)
	derived.plain = reflect.TypeOf(derived.primary) == zapsOwn
	return &derived
}

// Check adds the Core to ce if the primary's Check accepts the entry. It does not acquire a permit.
//
// If the primary is not zap's own core but a sampler, for example, its Check allocates a
// CheckedEntry, which cannot be returned to zap's pool. There are no other allocations.
func (c *Core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.plain && c.primary.Enabled(e.Level) || !c.plain && c.primary.Check(e, nil) != nil {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write returns nil if the primary or the fallback took the entry. Otherwise the error names both
// sides, and matches [atomicbreaker.ErrRejected] if the breaker rejected the entry. After
// [Core.Close] the error matches [fs.ErrClosed], and neither side gets the entry.
func (c *Core) Write(e zapcore.Entry, fields []zapcore.Field) (err error) {
	quiet := c.guard.Quiet()
	if !quiet && c.guard.Closed() {
		return c.guard.Refusal()
	}
	var permit atomicbreaker.Permit
	returned, admitted := false, false
	defer func() {
		switch {
		case returned:
		case !admitted: // a hook of the breaker ended the goroutine
			_, err = c.guard.Reject(entry{e, fields, c.fallback})
		default:
			var v any
			if !c.guard.Repanic() {
				v = recover()
			}
			_, err = c.guard.Unwound(entry{e, fields, c.fallback}, permit, v)
		}
	}()
	if permit, admitted = c.breaker.TryAcquire(); !admitted {
		returned = true
		_, err = c.guard.Reject(entry{e, fields, c.fallback})
		return err
	}
	var start time.Time
	if !quiet {
		start = c.guard.Start()
	}
	err = c.primary.Write(e, fields)
	returned = true
	if err != nil {
		_, err = c.guard.Fail(entry{e, fields, c.fallback}, permit, err)
		return err
	}
	if !c.guard.Quiet() {
		c.guard.Finish(&permit, start)
		return nil
	}
	permit.Success()
	return nil
}

// Sync syncs the fallback and, if the breaker is closed, the primary, and joins their errors. An
// error does not count as a failure of the primary.
func (c *Core) Sync() error {
	return c.guard.Sync(c.primary.Sync, func() error { return guard.SyncSink(c.fallback) })
}

// Shutdown rejects all further entries, including those of Cores derived from the same one. It
// closes the primary and then the fallback, or syncs a core that is not an [io.Closer], and returns
// their errors. zap's own cores are not closers: close the sinks below them afterwards. For
// timeouts see [breakerio.Writer.Shutdown].
func (c *Core) Shutdown(ctx context.Context) error {
	return c.guard.Shutdown(
		ctx,
		func() error { return guard.CloseSink(c.primary) },
		func() error { return guard.CloseSink(c.fallback) },
	)
}

// Close calls [Core.Shutdown] with a timeout of 5 s.
func (c *Core) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), guard.CloseTimeout)
	defer cancel()
	return c.Shutdown(ctx)
}

// Stats returns the counts so far of this Core and of all Cores derived from the same one. Torn is
// always 0, because a core does not say how much it wrote.
func (c *Core) Stats() breakerio.Stats { return c.guard.Stats() }
