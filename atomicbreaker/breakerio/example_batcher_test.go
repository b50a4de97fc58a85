// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// The whole chain: logger → Batcher → Writer → Lane → sink. No log call waits for the sink.
func ExampleBatcher() {
	var collector, file strings.Builder
	lane := breakerio.NewLane(&collector, 10*time.Second, breakerio.WithKeptBuffer(256<<10))
	w := breakerio.NewWriter(atomicbreaker.MustNew("collector"), lane, &file)
	b := breakerio.NewBatcher(w)
	logger := slog.New(slog.NewJSONHandler(b, nil))

	for i := range 1000 {
		logger.Info("record", "n", i)
	}
	if err := b.Close(); err != nil { // writes what is buffered, and closes the rest of the chain
		fmt.Println(err)
	}
	fmt.Println(strings.Count(collector.String(), "\n"), "records in", b.Stats().Batches, "batch")
	// Output:
	// 1000 records in 1 batch
}

// No one reads from this pipe. The program still ends, and the records are in the file.
func ExampleBatcher_Shutdown() {
	_, pipe := io.Pipe()
	var file strings.Builder
	w := breakerio.NewWriter(atomicbreaker.MustNew("collector"), breakerio.NewLane(pipe, time.Minute), &file)
	b := breakerio.NewBatcher(w)
	logger := slog.New(slog.NewTextHandler(b, nil))

	logger.Info("one")
	logger.Info("two")
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := b.Shutdown(ctx)
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	fmt.Println(strings.Count(file.String(), "\n"), "records in the file,", w.Stats().Late, "batch late")
	// Output:
	// true
	// 2 records in the file, 1 batch late
}
