// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

func Example_slog() {
	collector, pipe := io.Pipe()
	_ = collector.Close()
	var file strings.Builder

	b := atomicbreaker.MustNew("collector", atomicbreaker.WithFailureThreshold(2))
	w := breakerio.NewWriter(b, pipe, &file)
	logger := slog.New(slog.NewJSONHandler(w, nil))
	for i := range 4 {
		logger.Info("record", "n", i)
	}
	fmt.Println(b.State(), "with", strings.Count(file.String(), "\n"), "records in the file and", w.Stats().Lost, "lost")
	// Output:
	// open with 4 records in the file and 0 lost
}

// A lane in front of a sink that never answers: no one reads from this pipe.
func Example_log() {
	hung, pipe := io.Pipe()
	defer func() { _ = hung.Close() }()
	var file strings.Builder

	lane := breakerio.NewLane(pipe, 10*time.Millisecond)
	w := breakerio.NewWriter(atomicbreaker.MustNew("collector"), lane, &file)
	logger := log.New(w, "", 0)
	logger.Print("one")
	logger.Print("two")
	fmt.Print(file.String())
	// Output:
	// one
	// two
}
