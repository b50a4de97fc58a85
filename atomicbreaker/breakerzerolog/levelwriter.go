// SPDX-License-Identifier: Apache-2.0

package breakerzerolog

import (
	"context"
	"io"
	"math"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// LevelWriter is a zerolog.LevelWriter that takes each record to the primary if the breaker admits it and the primary takes
// it, and to the fallback in the same call otherwise, with its level if that is a LevelWriter. [NewLevelWriter] makes it.
// Everything else is as in [breakerio.Writer].
type LevelWriter struct {
	// plain is for records without a level, and leveled for the others. They differ only in the level that they pass on:
	// all are of one family, with one breaker, one set of counts and one outage.
	plain   *breakerio.Writer
	leveled [math.MaxUint8 + 1]atomic.Pointer[breakerio.Writer] // made for the first record of each level
	at      func(zerolog.Level) *breakerio.Writer
}

// NewLevelWriter returns a LevelWriter that asks b before each write to primary. A nil fallback takes nothing. It adds no
// lock: give it to zerolog.SyncWriter if the two are not safe for concurrent use.
//
// It panics if b or primary is nil, or if primary is a zerolog.MultiLevelWriter, which reports one writer's failure for
// all: make a LevelWriter of each. One that is hidden in another writer cannot be seen.
func NewLevelWriter(b *atomicbreaker.Breaker, primary, fallback io.Writer, opts ...breakerio.Option) *LevelWriter {
	if reflect.TypeOf(primary) == fansOut {
		panic("breakerzerolog: NewLevelWriter: a MultiLevelWriter reports one writer's failure for all: make a LevelWriter of each")
	}
	var family guard.Family
	opts = append(slices.Clip(opts), func(o *guard.BytesOptions) {
		o.Adapter = "breakerzerolog"
		o.Family = &family
	})
	w := &LevelWriter{plain: breakerio.NewWriter(b, primary, fallback, opts...)}
	w.at = func(l zerolog.Level) *breakerio.Writer {
		return breakerio.NewWriter(b, at(primary, l), at(fallback, l), opts...)
	}
	return w
}

var fansOut = reflect.TypeOf(zerolog.MultiLevelWriter())

// Write writes p, one record.
func (w *LevelWriter) Write(p []byte) (int, error) { return w.plain.Write(p) }

// WriteLevel writes p, one record of a level.
func (w *LevelWriter) WriteLevel(l zerolog.Level, p []byte) (int, error) {
	leveled := &w.leveled[uint8(l)]
	if leveled.Load() == nil {
		leveled.Store(w.at(l)) // two callers may both: each is as good
	}
	return leveled.Load().Write(p)
}

// Sync is that of [breakerio.Writer].
func (w *LevelWriter) Sync() error { return w.plain.Sync() }

// Shutdown is that of [breakerio.Writer]: it closes both sides, but never the standard output and error. A ConsoleWriter
// closes what it writes to: hide its Close method if that is os.Stderr.
func (w *LevelWriter) Shutdown(ctx context.Context) error { return w.plain.Shutdown(ctx) }

// Close is [LevelWriter.Shutdown] with 5 seconds. zerolog calls it on Fatal.
func (w *LevelWriter) Close() error { return w.plain.Close() }

// Stats returns the counts so far, of all levels.
func (w *LevelWriter) Stats() breakerio.Stats { return w.plain.Stats() }

// atLevel is a LevelWriter at one level.
type atLevel struct {
	w     zerolog.LevelWriter
	level zerolog.Level
}

func (a atLevel) Write(p []byte) (int, error) { return a.w.WriteLevel(a.level, p) }

func at(w io.Writer, l zerolog.Level) io.Writer {
	if lw, ok := w.(zerolog.LevelWriter); ok {
		return atLevel{lw, l}
	}
	return w
}
