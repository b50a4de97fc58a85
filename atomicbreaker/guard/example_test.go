// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Event is a record of a made-up logger. Sink is where the logger sends its events.
type (
	Event struct{ Text string }
	Sink  interface{ Send(Event) error }
)

// Guarded is the adapter: a Sink with a breaker in front of its primary.
type Guarded struct {
	breaker           *atomicbreaker.Breaker
	primary, fallback Sink
	guard             *guard.Guard[Event]
}

// NewGuarded returns a Sink that asks b before each event for primary.
func NewGuarded(b *atomicbreaker.Breaker, primary, fallback Sink, o guard.Options) *Guarded {
	o.Adapter = "made-up"
	send := func(e Event) (int, error) {
		if fallback == nil {
			return 0, guard.ErrNoFallback
		}
		return 0, fallback.Send(e)
	}
	return &Guarded{b, primary, fallback, guard.New(b, o, send, nil)}
}

// Send returns nil if the primary or the fallback took the event.
func (g *Guarded) Send(e Event) (err error) {
	if g.guard.Closed() {
		return g.guard.Refusal()
	}
	var permit atomicbreaker.Permit
	returned, admitted := false, false
	defer func() {
		switch {
		case returned:
		case !admitted: // a hook of the breaker ended the goroutine
			_, err = g.guard.Reject(e)
		default:
			var v any
			if !g.guard.Repanic() {
				v = recover()
			}
			_, err = g.guard.Unwound(e, permit, v)
		}
	}()
	if permit, admitted = g.breaker.TryAcquire(); !admitted {
		returned = true
		_, err = g.guard.Reject(e)
		return err
	}
	start := g.guard.Start()
	err = g.primary.Send(e)
	returned = true
	if err != nil {
		_, err = g.guard.Fail(e, permit, err)
		return err
	}
	g.guard.Succeed(&permit, start)
	return nil
}

// Close rejects further events and closes both sides.
func (g *Guarded) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), guard.CloseTimeout)
	defer cancel()
	return g.guard.Shutdown(ctx,
		func() error { return guard.CloseSink(g.primary) },
		func() error { return guard.CloseSink(g.fallback) })
}

type unreachable struct{}

func (unreachable) Send(Event) error { return errors.New("connection refused") }

type screen struct{}

func (screen) Send(e Event) error { fmt.Println(e.Text); return nil }

// An adapter for another logger. What the primary does not take is printed.
func Example() {
	b := atomicbreaker.MustNew("collector", atomicbreaker.WithFailureThreshold(2))
	sink := NewGuarded(b, unreachable{}, screen{}, guard.Options{
		OnDiverted: func(d guard.Diversion) { fmt.Printf("%s: %v: %v\n", d.Name, d.Reason, d.Err) },
	})
	for _, text := range []string{"one", "two", "three"} {
		if err := sink.Send(Event{text}); err != nil {
			fmt.Println("lost:", err)
		}
	}
	fmt.Println(sink.Close())
	fmt.Println(sink.Send(Event{"four"}))
	// Output:
	// one
	// collector: failed: connection refused
	// two
	// collector: failed: connection refused
	// three
	// collector: rejected: rejected, breaker is open
	// <nil>
	// made-up: "collector": file already closed
}
