// SPDX-License-Identifier: Apache-2.0

package breakerzap

import (
	"io"
	"reflect"
	"slices"

	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

var _ zapcore.WriteSyncer = (*breakerio.Writer)(nil)

// NewWriteSyncer returns a WriteSyncer that takes each record to primary if b admits it and primary takes it, and to
// fallback in the same call otherwise. It is a [breakerio.Writer], whose documents say everything else; a nil fallback
// takes nothing. It adds no lock: give it to zapcore.Lock if the two are not safe for concurrent use.
//
// Put Lock above it, and not below: a sink that panics below zapcore.Lock leaves it locked, since zap unlocks without a
// defer, and so hangs from then on. What zap.Open returns has one: put a [breakerio.Lane] above that.
//
// zapcore.AddSync hides the Close method of a writer that has no Sync method, such as a [breakerio.Reopener]: Close leaves
// that open. Give it to [breakerio.NewWriter] instead, which needs no AddSync.
//
// It panics if primary is a zapcore.NewMultiWriteSyncer, which reports one sink's failure for all. One that is hidden in
// another WriteSyncer cannot be seen.
func NewWriteSyncer(b *atomicbreaker.Breaker, primary, fallback zapcore.WriteSyncer, opts ...breakerio.Option) *breakerio.Writer {
	if primary != nil && reflect.TypeOf(primary) == fansOut {
		panic("breakerzap: NewWriteSyncer: a MultiWriteSyncer reports one sink's failure for all: make a WriteSyncer of each")
	}
	adapter := func(o *guard.BytesOptions) { o.Adapter = "breakerzap" }
	return breakerio.NewWriter(b, primary, fallback, append(slices.Clip(opts), adapter)...)
}

var fansOut = reflect.TypeOf(zapcore.NewMultiWriteSyncer(zapcore.AddSync(io.Discard), zapcore.AddSync(io.Discard)))
