// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// guard is an io.Writer between a logger and its sink. The fallback gets, in the same call, what
// the sink does not take.
type guard struct {
	breaker        *atomicbreaker.Breaker
	sink, fallback io.Writer
}

func (g *guard) Write(record []byte) (int, error) {
	if permit, ok := g.breaker.TryAcquire(); ok {
		defer permit.Failure() // counts a panic as a failure; does nothing after a report
		n, err := g.sink.Write(record)
		permit.Report(err)
		if err == nil {
			return n, nil
		}
	}
	return g.fallback.Write(record)
}

// A permit does what Do does, without a closure, when the outcome is known a few lines later.
func ExampleBreaker_TryAcquire() {
	var fallback strings.Builder
	broken, closed := io.Pipe()
	_ = broken.CloseWithError(errors.New("no route to host"))

	breaker := atomicbreaker.MustNew("loki", atomicbreaker.WithFailureThreshold(2))
	logger := slog.New(slog.NewTextHandler(&guard{breaker, closed, &fallback}, nil))
	for i := range 4 {
		logger.Info("record", "n", i)
	}
	fmt.Println(breaker.State(), "after", breaker.Snapshot().Failures, "failures")
	fmt.Println("records in the fallback:", strings.Count(fallback.String(), "\n"))
	// Output:
	// open after 2 failures
	// records in the fallback: 4
}
