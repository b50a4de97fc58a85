// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"errors"
	"fmt"
	"io"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// down is a sink that refuses every record.
type down struct{}

func (down) Write([]byte) (int, error) { return 0, errors.New("503 Service Unavailable") }

// A health check lists the breakers that are not closed, and why.
func Example() {
	registry := breakers.NewRegistry() // or breakers.Default

	loki := registry.MustNew("loki", atomicbreaker.WithFailureThreshold(2))
	w := breakerio.NewWriter(loki, down{}, io.Discard)
	defer func() { _ = w.Close() }()
	if err := registry.Attach(loki, w); err != nil {
		panic(err)
	}
	for range 5 {
		_, _ = io.WriteString(w, "order accepted\n")
	}

	for e := range registry.All() {
		if e.Snapshot.State == atomicbreaker.Closed {
			continue
		}
		fmt.Printf("%s is %v: %v\n", e.Name, e.Snapshot.State, e.LastError)
		for _, part := range e.Parts {
			fmt.Printf("%s: %d records in the fallback, %d lost\n", part.Type, part.Writes.Fallback, part.Writes.Lost)
		}
	}
	// Output:
	// loki is open: 503 Service Unavailable
	// *breakerio.Writer: 5 records in the fallback, 0 lost
}

// Totals are what a collector of metrics reads.
func ExampleRegistry_Totals() {
	registry := breakers.NewRegistry()
	first, second := registry.MustNew("loki"), registry.MustNew("loki")
	first.Trip()
	second.RecordFailure()
	second.RecordFailure()

	for _, total := range registry.Totals() {
		fmt.Printf("%s: %d breakers, %d of them open, %d failures\n",
			total.Name, total.Breakers, total.States[atomicbreaker.Open], total.Failures)
		for kind, n := range total.Transitions.All() { // includes 0, so that each series exists
			if n > 0 {
				fmt.Printf("%v to %v, %v: %d\n", kind.From, kind.To, kind.Cause, n)
			}
		}
	}
	first.Reset()
	second.Reset()
	// Output:
	// loki: 2 breakers, 1 of them open, 2 failures
	// closed to open, tripped: 1
}

// Each tenant has a breaker, and one that is down does not affect the others.
func ExampleGroup() {
	registry := breakers.NewRegistry()
	tenants := breakers.NewGroup(registry, 2, func(tenant string) []atomicbreaker.Option {
		if tenant == "batch" {
			return []atomicbreaker.Option{atomicbreaker.WithFailureThreshold(100)}
		}
		return nil
	}, breakers.WithGroupName("tenants"))

	tenants.Get("web").ForceOpen()
	fmt.Println(tenants.Get("web").Allow(), tenants.Get("batch").Allow())

	b := tenants.Get("mobile") // takes the place of batch, whose breaker equals a new one
	fmt.Println(b.Name(), tenants.Stats().Evicted)

	b.ForceOpen()
	fmt.Println(tenants.Get("partner").Name()) // there is no place: all further keys share a breaker
	// Output:
	// false true
	// tenants/mobile 1
	// tenants
}
