// SPDX-License-Identifier: Apache-2.0

package breakerzerolog_test

import (
	"io"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzerolog"
	"github.com/sinkguard/go-atomicbreaker/internal/conservation"
)

// seen observes what a logger writes, with or without its level.
type seen struct {
	*conservation.Witness
	w *breakerzerolog.LevelWriter
}

func (s seen) WriteLevel(l zerolog.Level, p []byte) (int, error) {
	return s.Watch(p, func(p []byte) (int, error) { return s.w.WriteLevel(l, p) })
}

// withLevel makes a LevelWriter of a sink.
type withLevel struct{ *conservation.Sink }

func (w withLevel) WriteLevel(_ zerolog.Level, p []byte) (int, error) { return w.Write(p) }

func TestLevelWriter_Conservation(t *testing.T) {
	for name, wrap := range map[string]func(*conservation.Sink) io.Writer{
		"plain":   func(s *conservation.Sink) io.Writer { return s },
		"leveled": func(s *conservation.Sink) io.Writer { return withLevel{s} },
	} {
		t.Run(name, func(t *testing.T) {
			conservation.Check(t, func(parts conservation.Parts) conservation.Fixture {
				w := breakerzerolog.NewLevelWriter(parts.Breaker, wrap(parts.Primary), parts.Fallback, parts.Options()...)
				var turn atomic.Int64
				return conservation.Fixture{
					Offer: func(record string) error {
						s := seen{parts.Witness(w), w}
						level := zerolog.Level(turn.Add(1)%9) + zerolog.TraceLevel
						if level < zerolog.Disabled {
							logger := zerolog.New(s)
							logger.WithLevel(level).Msg(record)
						} else {
							_, _ = s.Write([]byte(record))
						}
						return s.Err()
					},
					Stats: w.Stats, Sync: w.Sync, Close: w.Close, CountsTorn: true,
				}
			})
		})
	}
}

func TestLevelWriter_ConservationOfLines(t *testing.T) {
	conservation.CheckLines(t, func(parts conservation.LineParts) conservation.LineFixture {
		w := breakerzerolog.NewLevelWriter(parts.Breaker, parts.Primary, parts.Fallback, parts.Options()...)
		return conservation.LineFixture{
			Offer: func(record string) {
				logger := zerolog.New(seen{parts.Witness(w), w})
				logger.Info().Msg(record)
			},
			Logger: true, Stats: w.Stats, Sync: w.Sync, Shutdown: w.Shutdown,
		}
	})
}
