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
)

// LevelWriter is a zerolog.LevelWriter that sends each record to a primary while a circuit breaker
// admits it. What the breaker rejects or the primary does not take goes to the fallback during the
// same call. A side that is a LevelWriter gets the record's level. [NewLevelWriter] creates a
// LevelWriter. For everything else see [breakerio.Writer].
type LevelWriter struct {
	// plain is for records without a level, and leveled is for the others. The Writers differ only
	// in the level that they pass on: they share one breaker, one set of counts and one outage.
	plain *breakerio.Writer
	// A leveled Writer is created at the first record of its level.
	leveled [math.MaxUint8 + 1]atomic.Pointer[breakerio.Writer]
	at      func(zerolog.Level) *breakerio.Writer
}

// NewLevelWriter returns a LevelWriter that writes to primary while b admits it. If fallback is
// nil, records that the primary does not take are lost and reported. The LevelWriter adds no lock:
// put zerolog.SyncWriter around it if the two sinks are not safe for concurrent use.
//
// NewLevelWriter panics if b or primary is nil, or if primary is a zerolog.MultiLevelWriter, which
// reports a failure of one writer for all writers: make a LevelWriter for each. It cannot detect
// one that is hidden inside another writer.
func NewLevelWriter(
	b *atomicbreaker.Breaker, primary, fallback io.Writer, opts ...breakerio.Option,
) *LevelWriter {
	if reflect.TypeOf(primary) == fansOut {
		panic("breakerzerolog: NewLevelWriter: a MultiLevelWriter reports one writer's failure for all: " +
			"make a LevelWriter for each")
	}
	opts = append(slices.Clip(opts), breakerio.WithAdapter("breakerzerolog"))
	w := &LevelWriter{plain: breakerio.NewWriter(b, primary, fallback, opts...)}
	w.at = func(l zerolog.Level) *breakerio.Writer {
		return w.plain.Sibling(at(primary, l), at(fallback, l))
	}
	return w
}

// fansOut is the type of a zerolog.MultiLevelWriter, which zerolog does not export.
var fansOut = reflect.TypeOf(zerolog.MultiLevelWriter())

// Write writes p, which is one record without a level.
func (w *LevelWriter) Write(p []byte) (int, error) { return w.plain.Write(p) }

// WriteLevel writes p, which is one record of level l.
func (w *LevelWriter) WriteLevel(l zerolog.Level, p []byte) (int, error) {
	leveled := &w.leveled[uint8(l)]
	if leveled.Load() == nil {
		leveled.Store(w.at(l)) // concurrent callers may both store; either Writer will do
	}
	return leveled.Load().Write(p)
}

// Sync syncs both sides: see [breakerio.Writer.Sync].
func (w *LevelWriter) Sync() error { return w.plain.Sync() }

// Shutdown rejects all further records and closes both sides, but never standard output and
// standard error: see [breakerio.Writer.Shutdown]. A ConsoleWriter closes the writer below it, so
// hide its Close method if that writer is os.Stderr.
func (w *LevelWriter) Shutdown(ctx context.Context) error { return w.plain.Shutdown(ctx) }

// Close calls [LevelWriter.Shutdown] with a timeout of 5 s. zerolog calls Close on Fatal.
func (w *LevelWriter) Close() error { return w.plain.Close() }

// Stats returns the counts so far, for all levels together.
func (w *LevelWriter) Stats() breakerio.Stats { return w.plain.Stats() }

// atLevel writes to a LevelWriter with a fixed level.
type atLevel struct {
	w     zerolog.LevelWriter
	level zerolog.Level
}

func (a atLevel) Write(p []byte) (int, error) { return a.w.WriteLevel(a.level, p) }

// at returns a writer that passes level l to w, or w itself if w is not a LevelWriter.
func at(w io.Writer, l zerolog.Level) io.Writer {
	if lw, ok := w.(zerolog.LevelWriter); ok {
		return atLevel{lw, l}
	}
	return w
}
