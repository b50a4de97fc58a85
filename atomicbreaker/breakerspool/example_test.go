// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// outage is a sink that is down until it is repaired.
type outage struct {
	down  bool
	taken chan string
}

func (o *outage) Write(p []byte) (int, error) {
	if o.down {
		return 0, errors.New("503 Service Unavailable")
	}
	o.taken <- string(p)
	return len(p), nil
}

// A Writer sends to the spool what the sink does not take. Replay brings it back.
func Example() {
	dir, err := os.MkdirTemp("", "spool")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	spool, err := breakerspool.Open(dir, breakerspool.WithMinFree(0))
	if err != nil {
		panic(err)
	}

	sink := &outage{down: true, taken: make(chan string, 3)}
	b := atomicbreaker.MustNew("loki", atomicbreaker.WithRecoveryTimeout(time.Millisecond))
	w := breakerio.NewWriter(b, sink, spool)
	for i := range 3 {
		_, _ = fmt.Fprintf(w, "order %d accepted\n", i)
	}
	fmt.Println(spool.Stats().Records, "records in the spool")

	sink.down = false
	ctx, cancel := context.WithCancel(context.Background())
	replayed := make(chan error, 1)
	go func() { replayed <- spool.Replay(ctx, b, sink) }()
	for range 3 {
		fmt.Print(<-sink.taken)
	}
	cancel()
	if err := <-replayed; !errors.Is(err, context.Canceled) {
		panic(err)
	}
	fmt.Println(spool.Stats().Records, "records in the spool")
	_ = w.Close() // closes the spool

	// Output:
	// 3 records in the spool
	// order 0 accepted
	// order 1 accepted
	// order 2 accepted
	// 0 records in the spool
}
