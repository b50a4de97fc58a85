// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
)

// The scenarios of the adapters write one record to a sink that takes everything at no cost.
const (
	WriteRecord Scenario = "WriteRecord/state=closed" // an io.Writer
	LogRecord   Scenario = "LogRecord/state=closed"   // slog's JSON handler
)

// handlerSubject has the slog adapter around its handler; that of breakerio is in ours.go. The
// references are: unsafeSubject, an io.Writer that takes a permit, writes and reports, and is
// unsafe because it loses a record whose sink panics; and permitSubject, the same without a method
// around it. The difference between the two is the cost of being an io.Writer.
var (
	handlerSubject = Subject{"breakerslog", map[Scenario]func() Loop{
		LogRecord: func() Loop { return logLoop(breakerslog.NewHandler(atomicNew(usual), newJSON(), newJSON())) },
	}}
	unsafeSubject = Subject{"unsafe", map[Scenario]func() Loop{
		WriteRecord: func() Loop { return writeLoop(&unsafeWriter{atomicNew(usual), nowhere{}, nowhere{}}) },
	}}
	permitSubject = Subject{"permit", map[Scenario]func() Loop{
		WriteRecord: func() Loop { return permitLoop(atomicNew(usual), nowhere{}) },
	}}
)

// unsafeWriter is a guarded writer that ignores panics.
type unsafeWriter struct {
	breaker           *atomicBreaker
	primary, fallback io.Writer
}

func (w *unsafeWriter) Write(p []byte) (int, error) {
	permit, ok := w.breaker.TryAcquire()
	if !ok {
		return w.fallback.Write(p)
	}
	n, err := w.primary.Write(p)
	if err != nil || n < len(p) {
		permit.Failure()
		return w.fallback.Write(p)
	}
	permit.Success()
	return n, nil
}

// nowhere is a sink without cost. It is a separate type because loggers recognize io.Discard and
// then do nothing at all.
type nowhere struct{}

//go:noinline
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func newJSON() slog.Handler { return slog.NewJSONHandler(nowhere{}, nil) }

//go:noinline
func writeLoop(w io.Writer) Loop {
	record := []byte("a record\n")
	return func(n int) {
		for range n {
			if _, err := w.Write(record); err != nil {
				panic(failed)
			}
		}
	}
}

//go:noinline
func permitLoop(b *atomicBreaker, w io.Writer) Loop {
	record := []byte("a record\n")
	return func(n int) {
		for range n {
			p, ok := b.TryAcquire()
			if !ok {
				panic(unexpectedReject)
			}
			if _, err := w.Write(record); err != nil {
				panic(failed)
			}
			p.Success()
		}
	}
}

//go:noinline
func logLoop(h slog.Handler) Loop {
	ctx := context.Background()
	r := slog.NewRecord(time.Unix(0, 0), slog.LevelInfo, "a record", 0)
	r.AddAttrs(slog.Int("n", 1), slog.String("sink", "collector"), slog.Duration("took", time.Second))
	return func(n int) {
		for range n {
			if h.Handle(ctx, r) != nil {
				panic(failed)
			}
		}
	}
}
