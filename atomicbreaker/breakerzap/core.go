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

// Core is a zapcore.Core that takes each entry to the primary if the breaker admits it and the primary takes it, and to the
// fallback in the same call otherwise. [NewCore] makes it.
//
// It is as safe for concurrent use as its two cores are. Cores derived from it by With share its breaker, its counts and
// its outages. A panic of the primary is recovered (see [WithRepanic]): the entry goes to the fallback.
//
// It believes the primary's error. zap's own core passes on the error of its WriteSyncer and not how much was written, so a
// WriteSyncer that writes short without an error looks healthy; below [NewWriteSyncer] it does not.
type Core struct {
	breaker           *atomicbreaker.Breaker
	primary, fallback zapcore.Core
	guard             *guard.Guard[entry]
	plain             bool // the primary is zap's own core, which checks in what it is enabled for
}

// entry is what the fallback gets.
type entry struct {
	entry    zapcore.Entry
	fields   []zapcore.Field
	fallback zapcore.Core
}

// NewCore returns a Core that asks b before each entry for primary. A nil fallback takes nothing. It panics if b or primary
// is nil, or if a core is one whose Write does not do what its Check decides: that of zapcore.RegisterHooks writes nothing,
// and that of zapcore.NewTee asks no member's level. Put those around the Core, or a Core into each member; one that is
// hidden in another core cannot be seen here.
//
// A sink that panics below zapcore.Lock (zap.Open and zap.Config put it there) leaves it locked, since zap unlocks without
// a defer, and so hangs from then on: put a [breakerio.Lane] above such a sink.
//
// The fallback stands in for the primary: entries that the primary checks in reach it, whatever its own level is, because
// a core's Write logs what it is given. An entry that neither takes is counted as lost and reported (see
// [WithOnLost]), and its error goes to zap's ErrorOutput.
func NewCore(b *atomicbreaker.Breaker, primary, fallback zapcore.Core, opts ...CoreOption) *Core {
	if b == nil || primary == nil {
		panic("breakerzap: NewCore needs a breaker and a primary")
	}
	for _, core := range []zapcore.Core{primary, fallback} {
		switch reflect.TypeOf(core) {
		case hooked:
			panic("breakerzap: NewCore: a core of zapcore.RegisterHooks writes nothing itself: register the hooks around the Core")
		case tee:
			panic("breakerzap: NewCore: a zapcore.NewTee forgets the levels of its members: make a Core of each")
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
		b, primary, fallback, guard.New(b, o.Options, writeFallback, onLost), reflect.TypeOf(primary) == zapsOwn,
	}
}

// The types of cores that have no name outside zapcore; zapsOwn is that of zapcore.NewCore.
var (
	zapsOwn = reflect.TypeOf(zapcore.NewCore(nil, nil, zapcore.InfoLevel))
	hooked  = reflect.TypeOf(zapcore.RegisterHooks(zapcore.NewNopCore()))
	tee     = reflect.TypeOf(zapcore.NewTee(zapcore.NewNopCore(), zapcore.NewNopCore()))
)

func writeFallback(e entry) (int, error) {
	if e.fallback == nil {
		return 0, guard.ErrNoFallback
	}
	return 0, e.fallback.Write(e.entry, e.fields)
}

// Enabled says whether the primary is enabled.
func (c *Core) Enabled(l zapcore.Level) bool { return c.primary.Enabled(l) }

// Level returns the primary's level.
func (c *Core) Level() zapcore.Level { return zapcore.LevelOf(c.primary) }

// With returns a Core whose two cores have the fields, each in a slice of its own.
func (c *Core) With(fields []zapcore.Field) zapcore.Core {
	derived := *c
	if c.fallback != nil {
		derived.fallback = c.fallback.With(slices.Clone(fields))
	}
	derived.primary = c.primary.With(fields)
	derived.plain = reflect.TypeOf(derived.primary) == zapsOwn
	return &derived
}

// Check adds the core if the primary checks the entry in. It takes no permit.
//
// A primary that is not zap's own core (a sampler, say) is asked, and its answer is an object that cannot be given back to
// zap: that is what an entry allocates then, and nothing else here.
func (c *Core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.plain && c.primary.Enabled(e.Level) || !c.plain && c.primary.Check(e, nil) != nil {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write returns nil if the primary or the fallback took the entry. Otherwise the error names both sides, and matches
// [atomicbreaker.ErrRejected] if the breaker turned the entry away. After [Core.Close] it is [fs.ErrClosed], and neither
// gets the entry.
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

// Sync syncs the fallback always, and the primary while the breaker is closed, and joins their errors. It does not vote.
func (c *Core) Sync() error {
	return c.guard.Sync(c.primary.Sync, func() error { return guard.SyncSink(c.fallback) })
}

// Shutdown refuses new entries from now on, also through cores derived from the same one, syncs the primary and then the
// fallback, or closes them if they are an [io.Closer], and returns their errors. zap's own cores are none: close the sinks
// below them afterwards. For the rest see [breakerio.Writer.Shutdown].
func (c *Core) Shutdown(ctx context.Context) error {
	return c.guard.Shutdown(ctx,
		func() error { return guard.CloseSink(c.primary) }, func() error { return guard.CloseSink(c.fallback) })
}

// Close is [Core.Shutdown] with 5 seconds.
func (c *Core) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), guard.CloseTimeout)
	defer cancel()
	return c.Shutdown(ctx)
}

// Stats returns the counts so far, of this core and all that are derived from the same one. Torn is always 0: a core does
// not say how much it wrote.
func (c *Core) Stats() breakerio.Stats { return c.guard.Stats() }
