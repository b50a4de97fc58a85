// SPDX-License-Identifier: Apache-2.0

package breakerzap_test

import (
	"io"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzap"
	"github.com/sinkguard/go-atomicbreaker/internal/conservation"
)

// quiet discards zap's own errors.
var quiet = zap.ErrorOutput(zapcore.AddSync(io.Discard))

func TestWriteSyncer_Conservation(t *testing.T) {
	conservation.Check(t, func(parts conservation.Parts) conservation.Fixture {
		w := breakerzap.NewWriteSyncer(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()...)
		return conservation.Fixture{
			Offer: func(record string) error {
				seen := parts.Witness(w)
				zap.New(zapcore.NewCore(encoder(), zapcore.AddSync(seen), zap.InfoLevel), quiet).Info(record)
				return seen.Err()
			},
			Stats: w.Stats, Sync: w.Sync, Close: w.Close, CountsTorn: true,
		}
	})
}

func TestWriteSyncer_ConservationOfLines(t *testing.T) {
	conservation.CheckLines(t, func(parts conservation.LineParts) conservation.LineFixture {
		w := breakerzap.NewWriteSyncer(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()...)
		return conservation.LineFixture{
			Offer: func(record string) {
				seen := zapcore.AddSync(parts.Witness(w))
				zap.New(zapcore.NewCore(encoder(), seen, zap.InfoLevel), quiet).Info(record)
			},
			Logger: true, Stats: w.Stats, Sync: w.Sync, Shutdown: w.Shutdown,
		}
	})
}

// seen keeps the error of its core, which zap discards.
type seen struct {
	zapcore.Core
	err *error
}

func (s seen) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if s.Core.Check(e, nil) != nil {
		return ce.AddCore(e, s)
	}
	return ce
}

func (s seen) Write(e zapcore.Entry, fields []zapcore.Field) error {
	*s.err = s.Core.Write(e, fields)
	return *s.err
}

func TestCore_Conservation(t *testing.T) {
	conservation.Check(t, func(parts conservation.Parts) conservation.Fixture {
		parts.Primary.Honest, parts.Fallback.Honest = true, true // zap's own core ignores short writes
		opts := []breakerzap.CoreOption{
			breakerzap.WithRecordErrors(parts.IsRecordError),
			breakerzap.WithOnLost(func(e zapcore.Entry, _ []zapcore.Field, err error) { parts.OnLost(e.Message, err) }),
			breakerzap.WithOnOutage(parts.OnOutage),
			breakerzap.WithOnDiverted(parts.OnDiverted),
		}
		if parts.Repanic {
			opts = append(opts, breakerzap.WithRepanic())
		}
		core := breakerzap.NewCore(parts.Breaker, zapcore.NewCore(encoder(), parts.Primary, zap.InfoLevel),
			zapcore.NewCore(encoder(), parts.Fallback, zap.InfoLevel), opts...)
		derived := core.With([]zapcore.Field{zap.Int("k", 1)})
		return conservation.Fixture{
			Offer: func(record string) error {
				var err error
				for _, c := range map[bool]zapcore.Core{true: core, false: derived} { // one of the two
					zap.New(seen{c, &err}, quiet).Info(record, zap.String("field", "of its own"))
					break
				}
				return err
			},
			Stats: core.Stats, Sync: core.Sync, Close: core.Close,
		}
	})
}
