// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/rs/zerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// loggerKinds are the loggers of the demo. Goroutines that use the same kind share one logger, as
// in an application. Those of slog wait for each other, because its handlers hold a mutex while
// they write.
var loggerKinds = []string{"slog", "zap", "zerolog"}

// writesAtOnce is how many of the goroutines that share a logger can be in its Write at once. A
// handler of slog holds a mutex while it writes; zap and zerolog take none.
func writesAtOnce(kind string, goroutines int) int {
	if kind == "slog" {
		return 1
	}
	return goroutines
}

// logFunc logs record number seq.
type logFunc func(seq uint64)

const (
	message  = "order accepted"
	itemKey  = "item"
	itemName = "anvil, cast iron"
)

// newLogger returns a logger of a kind that writes to w. The demo counts the errors of w; zap and
// zerolog would also print each of them on stderr.
func newLogger(kind string, w io.Writer) logFunc {
	switch kind {
	case "zap":
		encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
		core := zapcore.NewCore(encoder, zapcore.AddSync(w), zap.InfoLevel)
		logger := zap.New(core, zap.ErrorOutput(zapcore.AddSync(io.Discard)))
		return func(seq uint64) {
			logger.Info(message, zap.Uint64("seq", seq), zap.String(itemKey, itemName))
		}
	case "zerolog":
		logger := zerolog.New(w).With().Timestamp().Logger()
		return func(seq uint64) {
			logger.Info().Uint64("seq", seq).Str(itemKey, itemName).Msg(message)
		}
	}
	return newSlog(slog.NewJSONHandler(w, nil))
}

func newSlog(h slog.Handler) logFunc {
	logger := slog.New(h)
	return func(seq uint64) {
		logger.LogAttrs(context.Background(), slog.LevelInfo, message,
			slog.Uint64("seq", seq), slog.String(itemKey, itemName))
	}
}

// zerolog has one error handler for the whole program; it prints.
func init() { zerolog.ErrorHandler = func(error) {} }
