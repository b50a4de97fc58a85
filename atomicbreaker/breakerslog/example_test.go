// SPDX-License-Identifier: Apache-2.0

package breakerslog_test

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
)

// JSON for the collector, and text for the file that is its fallback.
func ExampleNewHandler() {
	collector, pipe := io.Pipe()
	_ = collector.Close()
	var file strings.Builder

	b := atomicbreaker.MustNew("collector", atomicbreaker.WithFailureThreshold(2))
	h := breakerslog.NewHandler(b, slog.NewJSONHandler(pipe, nil), slog.NewTextHandler(&file, nil))
	logger := slog.New(h)
	for i := range 4 {
		logger.Info("record", "n", i)
	}
	fmt.Println(b.State(), "with", strings.Count(file.String(), "\n"), "records in the file and", h.Stats().Lost, "lost")
	// Output:
	// open with 4 records in the file and 0 lost
}
