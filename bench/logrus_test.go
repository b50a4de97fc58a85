// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"io"
	"strings"

	"github.com/sirupsen/logrus"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// The example is here because no other module imports this one, so it may require a logger.
func Example_logrus() {
	collector, pipe := io.Pipe()
	_ = collector.Close()
	var file strings.Builder

	b := atomicbreaker.MustNew("collector", atomicbreaker.WithFailureThreshold(2))
	w := breakerio.NewWriter(b, pipe, &file)
	logger := logrus.New()
	logger.SetOutput(w)
	for i := range 4 {
		logger.WithField("n", i).Info("record")
	}
	records := strings.Count(file.String(), "\n")
	fmt.Println(b.State(), "with", records, "records in the file and", w.Stats().Lost, "lost")
	// Output:
	// open with 4 records in the file and 0 lost
}
