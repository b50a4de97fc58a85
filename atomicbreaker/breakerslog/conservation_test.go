// SPDX-License-Identifier: Apache-2.0

package breakerslog_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
	"github.com/sinkguard/go-atomicbreaker/internal/conservation"
)

// face makes a handler of a sink. It adds an attribute to each record, as a handler may do with its
// own copy. If it finds an attribute that another handler added, the record was not its own copy.
type face struct {
	sink    *conservation.Sink
	derived string
}

func (f face) Enabled(context.Context, slog.Level) bool { return true }

func (f face) WithAttrs(attrs []slog.Attr) slog.Handler {
	return face{f.sink, f.derived + attrs[0].String() + " "}
}
func (f face) WithGroup(name string) slog.Handler { return face{f.sink, f.derived + name + " "} }

func (f face) Handle(_ context.Context, r slog.Record) error {
	if n := r.NumAttrs(); n != attributes {
		return f.sink.Take("a record with a wrong number of attributes")
	}
	r.AddAttrs(slog.String("added by", "a sink"))
	return f.sink.Take(r.Message)
}

// attributes is the number of attributes per record. It exceeds the space inside a record, so that
// copies share the rest.
const attributes = 6

func TestHandler_Conservation(t *testing.T) {
	conservation.Check(t, func(parts conservation.Parts) conservation.Fixture {
		parts.Primary.Honest, parts.Fallback.Honest = true, true
		opts := []breakerslog.Option{
			breakerslog.WithRecordErrors(parts.IsRecordError),
			breakerslog.WithOnLost(func(_ context.Context, r slog.Record, err error) { parts.OnLost(r.Message, err) }),
			breakerslog.WithOnOutage(parts.OnOutage),
			breakerslog.WithOnDiverted(parts.OnDiverted),
		}
		if parts.Repanic {
			opts = append(opts, breakerslog.WithRepanic())
		}
		h := breakerslog.NewHandler(parts.Breaker, face{sink: parts.Primary}, face{sink: parts.Fallback}, opts...)
		derived := []slog.Handler{
			h, h.WithAttrs([]slog.Attr{slog.Int("k", 1)}), h.WithGroup("g"),
			h.WithGroup("g").WithAttrs([]slog.Attr{slog.Int("k", 1)}),
		}
		var turn atomic.Uint64
		return conservation.Fixture{
			Offer: func(record string) error {
				r := slog.NewRecord(time.Time{}, slog.LevelInfo, record, 0)
				for i := range attributes {
					r.AddAttrs(slog.Int("k", i))
				}
				return derived[turn.Add(1)%uint64(len(derived))].Handle(t.Context(), r)
			},
			Stats: h.Stats, Close: h.Close,
		}
	})
}

// A breakerio.Writer below slog's JSON handler, which writes each record as one line.
func TestWriterBelowAHandler_ConservationOfLines(t *testing.T) {
	conservation.CheckLines(t, func(parts conservation.LineParts) conservation.LineFixture {
		w := breakerio.NewWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()...)
		return conservation.LineFixture{
			Offer:  func(record string) { slog.New(slog.NewJSONHandler(parts.Witness(w), nil)).Info(record) },
			Logger: true, Stats: w.Stats, Sync: w.Sync, Shutdown: w.Shutdown,
		}
	})
}
