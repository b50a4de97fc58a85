// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"errors"
	"fmt"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// producer works like a Kafka client: Produce only queues a record. The delivery report comes
// later, on a goroutine of the producer.
type producer struct {
	queue   []message
	reports []error // the brokers' answers, one per record
}

type message struct {
	record    string
	delivered func(error)
}

var errQueueFull = errors.New("queue full")

func (p *producer) Produce(record string, delivered func(error)) error {
	if len(p.queue) == 4 {
		return errQueueFull
	}
	p.queue = append(p.queue, message{record, delivered})
	return nil
}

// Flush waits for the delivery reports of all queued records.
func (p *producer) Flush() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i, m := range p.queue {
			m.delivered(p.reports[i])
		}
		p.queue = nil
	}()
	<-done
}

// A producer returns before the brokers answer, so its return value says nothing about them. The
// permit travels to the delivery report and is settled there. Set the producer's delivery timeout
// below [atomicbreaker.WithProbeTimeout]; otherwise a probe times out before its report arrives.
func ExamplePermit_deliveryReport() {
	down := errors.New("brokers down")
	kafka := &producer{reports: []error{nil, down, down, down}}
	breaker := atomicbreaker.MustNew("kafka", atomicbreaker.WithFailureThreshold(2))
	fallback := func(record string, why error) { fmt.Printf("to the file: %s (%v)\n", record, why) }

	write := func(record string) {
		permit, ok := breaker.TryAcquire()
		if !ok {
			fallback(record, atomicbreaker.ErrOpen)
			return
		}
		err := kafka.Produce(record, func(err error) {
			permit.Report(err) // does nothing if the breaker has opened since the record was queued
			if err != nil {
				fallback(record, err)
			}
		})
		if err != nil {
			permit.Cancel() // a full queue says nothing about the brokers
			fallback(record, err)
		}
	}

	for _, record := range []string{"one", "two", "three", "four", "five"} {
		write(record)
	}
	kafka.Flush()
	fmt.Println(breaker.State(), "after", breaker.Snapshot().Failures, "failures")
	write("six")
	// Output:
	// to the file: five (queue full)
	// to the file: two (brokers down)
	// to the file: three (brokers down)
	// to the file: four (brokers down)
	// open after 2 failures
	// to the file: six (atomicbreaker: call rejected: open)
}
