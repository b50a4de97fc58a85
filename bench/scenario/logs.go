// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The end-to-end scenarios are one log call with three fields, as JSON, through a logger to a
// healthy sink.
const (
	SlogDiscard    Scenario = "Log/logger=slog/sink=discard"
	SlogFile       Scenario = "Log/logger=slog/sink=file"
	ZapDiscard     Scenario = "Log/logger=zap/sink=discard"
	ZapFile        Scenario = "Log/logger=zap/sink=file"
	ZerologDiscard Scenario = "Log/logger=zerolog/sink=discard"
	ZerologFile    Scenario = "Log/logger=zerolog/sink=file"
)

// LogLoops are the log calls with guard between the logger and the sink.
func LogLoops(guard func(sink io.Writer) io.Writer) Loops {
	return Loops{
		SlogDiscard:    func() Loop { return SlogLoop(guard(Nowhere{})) },
		SlogFile:       func() Loop { return SlogLoop(guard(file())) },
		ZapDiscard:     func() Loop { return zapLoop(guard(Nowhere{})) },
		ZapFile:        func() Loop { return zapLoop(guard(file())) },
		ZerologDiscard: func() Loop { return zerologLoop(guard(Nowhere{})) },
		ZerologFile:    func() Loop { return zerologLoop(guard(file())) },
	}
}

// file opens a real file, which is deleted when it is closed. It grows by what is logged.
func file() io.Writer {
	f, err := os.CreateTemp("", "bench-*.log")
	if err != nil {
		panic(err)
	}
	_ = os.Remove(f.Name()) // fails where open files cannot be removed
	return f
}

// Message is the text of every record that a logger writes.
const Message = "record written"

// SlogLoop logs to w through slog.
//
//go:noinline
func SlogLoop(w io.Writer) Loop {
	logger := slog.New(slog.NewJSONHandler(w, nil))
	return func(n int) {
		for i := range n {
			logger.Info(Message, "shard", i&7, "took", time.Millisecond, "path", "/v1/push")
		}
	}
}

//go:noinline
func zapLoop(w io.Writer) Loop {
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	logger := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(w), zapcore.InfoLevel))
	return func(n int) {
		for i := range n {
			logger.Info(Message, zap.Int("shard", i&7),
				zap.Duration("took", time.Millisecond), zap.String("path", "/v1/push"))
		}
	}
}

//go:noinline
func zerologLoop(w io.Writer) Loop {
	logger := zerolog.New(w).With().Timestamp().Logger()
	return func(n int) {
		for i := range n {
			logger.Info().
				Int("shard", i&7).Dur("took", time.Millisecond).Str("path", "/v1/push").Msg(Message)
		}
	}
}
