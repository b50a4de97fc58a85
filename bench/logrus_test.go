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

// It is here because this module, which nobody imports, may require a logger.
func Example_logrus() {
	collector, gone := io.Pipe()
	_ = collector.Close()
	var file strings.Builder

	b := atomicbreaker.MustNew("collector", atomicbreaker.WithFailureThreshold(2))
	w := breakerio.NewWriter(b, gone, &file)
	logger := logrus.New()
	logger.SetOutput(w)
	for i := range 4 {
		logger.WithField("n", i).Info("record")
	}
	fmt.Println(b.State(), "with", strings.Count(file.String(), "\n"), "records in the file and", w.Stats().Lost, "lost")
	// Output:
	// open with 4 records in the file and 0 lost
}
