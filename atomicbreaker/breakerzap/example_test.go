// SPDX-License-Identifier: Apache-2.0

package breakerzap_test

import (
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzap"
)

// The guard is between the core and its sink. (README.md shows these lines.)
func Example() {
	sink, fallback := os.Stdout, os.Stderr // use a socket or an HTTP client, and a file
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"})
	w := breakerzap.NewWriteSyncer(atomicbreaker.MustNew("collector"), sink, fallback)
	logger := zap.New(zapcore.NewCore(encoder, w, zap.InfoLevel))
	logger.Info("order accepted", zap.String("item", "anvil"))
	// Output:
	// {"msg":"order accepted","item":"anvil"}
}
