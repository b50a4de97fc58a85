// SPDX-License-Identifier: Apache-2.0

package breakerzerolog_test

import (
	"os"

	"github.com/rs/zerolog"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzerolog"
)

// The guard is between the logger and its sink. (README.md shows these lines.)
func Example() {
	sink, fallback := os.Stdout, os.Stderr // use a socket or an HTTP client, and a file
	w := breakerzerolog.NewLevelWriter(atomicbreaker.MustNew("collector"), sink, fallback)
	logger := zerolog.New(w)
	logger.Info().Str("item", "anvil").Msg("order accepted")
	// Output:
	// {"level":"info","item":"anvil","message":"order accepted"}
}
