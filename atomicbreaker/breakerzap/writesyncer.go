// SPDX-License-Identifier: Apache-2.0

package breakerzap

import (
	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

var _ zapcore.WriteSyncer = (*breakerio.Writer)(nil)

// NewWriteSyncer returns a WriteSyncer that takes each record to primary if b admits it and primary takes it, and to
// fallback in the same call otherwise. It is a [breakerio.Writer], whose documents say everything else; a nil fallback
// takes nothing. It adds no lock: give it to zapcore.Lock if the two are not safe for concurrent use.
//
// Put Lock above it, and not below: a sink that panics below zapcore.Lock leaves it locked, since zap unlocks without a
// defer, and so hangs from then on. What zap.Open returns has one: put a [breakerio.Lane] above that.
func NewWriteSyncer(b *atomicbreaker.Breaker, primary, fallback zapcore.WriteSyncer, opts ...breakerio.Option) *breakerio.Writer {
	return breakerio.NewWriter(b, primary, fallback, opts...)
}
