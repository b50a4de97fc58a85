// SPDX-License-Identifier: Apache-2.0

package breakerzap

import (
	"io"
	"reflect"
	"slices"

	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

var _ zapcore.WriteSyncer = (*breakerio.Writer)(nil)

// NewWriteSyncer returns a [breakerio.Writer], which is a WriteSyncer. It sends each record to
// primary while b admits it. What b rejects or primary does not take goes to fallback during the
// same call; if fallback is nil, it is lost and reported. The Writer adds no lock: put zapcore.Lock
// around it if the two sinks are not safe for concurrent use.
//
// Do not put zapcore.Lock below it. zap unlocks without a defer, so a sink that panics below
// zapcore.Lock leaves it locked and hangs from then on. The sinks that zap.Open returns have such a
// lock: put a [breakerio.Lane] above them.
//
// zapcore.AddSync hides the Close method of a writer that has no Sync method, such as a
// [breakerio.Reopener], so Close does not close that writer. Pass it to [breakerio.NewWriter]
// instead, which needs no AddSync.
//
// NewWriteSyncer panics if b or primary is nil, or if primary is a zapcore.NewMultiWriteSyncer,
// which reports a failure of one sink for all sinks. It cannot detect one that is hidden inside
// another WriteSyncer.
func NewWriteSyncer(
	b *atomicbreaker.Breaker, primary, fallback zapcore.WriteSyncer, opts ...breakerio.Option,
) *breakerio.Writer {
	if primary != nil && reflect.TypeOf(primary) == fansOut {
		panic("breakerzap: NewWriteSyncer: a MultiWriteSyncer reports one sink's failure for all: " +
			"make a WriteSyncer for each")
	}
	opts = append(slices.Clip(opts), breakerio.WithAdapter("breakerzap"))
	return breakerio.NewWriter(b, primary, fallback, opts...)
}

// fansOut is the type of a zapcore.NewMultiWriteSyncer, which zapcore does not export.
var fansOut = reflect.TypeOf(
	zapcore.NewMultiWriteSyncer(zapcore.AddSync(io.Discard), zapcore.AddSync(io.Discard)))
