// SPDX-License-Identifier: Apache-2.0

package breakerzerolog

import (
	"io"
	"math"
	"slices"
	"sync/atomic"

	"github.com/rs/zerolog"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// levelWriter has one [breakerio.Writer] for records without a level and one per level, which differ only in the level
// they pass on: all are of one family, with one breaker, one set of counts and one outage.
type levelWriter struct {
	*breakerio.Writer
	leveled [math.MaxUint8 + 1]atomic.Pointer[breakerio.Writer] // made for the first record of each level
	at      func(zerolog.Level) *breakerio.Writer
}

// NewLevelWriter returns a LevelWriter that takes each record to primary if b admits it and primary takes it, and to
// fallback in the same call otherwise, with its level if that is a LevelWriter. All else is as in [breakerio.Writer]; a nil
// fallback takes nothing. It adds no lock: give it to zerolog.SyncWriter if the two are not safe for concurrent use.
//
// The LevelWriter also has the methods Close, which zerolog calls on Fatal, Sync, and Stats of [breakerio.Writer].
func NewLevelWriter(b *atomicbreaker.Breaker, primary, fallback io.Writer, opts ...breakerio.Option) zerolog.LevelWriter {
	var family guard.Family
	opts = append(slices.Clip(opts), func(o *guard.BytesOptions) { o.Family = &family })
	w := &levelWriter{Writer: breakerio.NewWriter(b, primary, fallback, opts...)}
	w.at = func(l zerolog.Level) *breakerio.Writer {
		return breakerio.NewWriter(b, at(primary, l), at(fallback, l), opts...)
	}
	return w
}

// WriteLevel writes p, one record.
func (w *levelWriter) WriteLevel(l zerolog.Level, p []byte) (int, error) {
	leveled := &w.leveled[uint8(l)]
	if leveled.Load() == nil {
		leveled.Store(w.at(l)) // two callers may both: each is as good
	}
	return leveled.Load().Write(p)
}

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
