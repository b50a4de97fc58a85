// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// The scenarios of the adapters write one record to a sink that takes everything at no cost.
const (
	WriteRecord Scenario = "WriteRecord/state=closed" // an io.Writer
	LogRecord   Scenario = "LogRecord/state=closed"   // slog's JSON handler
)

// Nowhere is a sink without cost. It is a separate type because loggers recognize io.Discard and
// then do nothing at all.
type Nowhere struct{}

//go:noinline
func (Nowhere) Write(p []byte) (int, error) { return len(p), nil }

// NewJSON returns a JSON handler over Nowhere.
func NewJSON() slog.Handler { return slog.NewJSONHandler(Nowhere{}, nil) }

// WriteLoop writes one record to w after another.
//
//go:noinline
func WriteLoop(w io.Writer) Loop {
	record := []byte("a record\n")
	return func(n int) {
		for range n {
			if _, err := w.Write(record); err != nil {
				panic(Failed)
			}
		}
	}
}

// HandleLoop passes one record to h after another.
//
//go:noinline
func HandleLoop(h slog.Handler) Loop {
	ctx := context.Background()
	r := slog.NewRecord(time.Unix(0, 0), slog.LevelInfo, "a record", 0)
	r.AddAttrs(
		slog.Int("n", 1), slog.String("sink", "collector"), slog.Duration("took", time.Second))
	return func(n int) {
		for range n {
			if h.Handle(ctx, r) != nil {
				panic(Failed)
			}
		}
	}
}
