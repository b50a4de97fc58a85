// SPDX-License-Identifier: Apache-2.0

package breakerotel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// EventName is the name of the event of a transition.
const EventName = "atomicbreaker.transition"

// WithEvents is an option for [atomicbreaker.New] and breakers.Registry.New that emits an event for
// each transition, once and in order. An event is a log record with the name [EventName]. It has
// attributes and no body:
//
//	atomicbreaker.name        string  of the breaker
//	atomicbreaker.from        string  the state before, such as "closed"
//	atomicbreaker.to          string  the state after
//	atomicbreaker.cause       string  such as "failure_threshold"
//	atomicbreaker.failures    int     failures counted; if the breaker opens, those that opened it
//	atomicbreaker.attempt     int     recoveries in a row that did not last
//	atomicbreaker.generation  int     transitions so far, modulo 2^24
//
// If an error made the transition, the record has it, and the attributes exception.message and, from
// the SDK, exception.type. The error of an HTTP client includes the URL with its query. The severity
// is WARN if the breaker is open or forced open after the transition, and INFO otherwise. The
// timestamp is that of the transition.
//
// The provider must not export through the sink that the breaker guards: that sink is down when the
// breaker opens. Give it a provider of its own, such as one that writes to the fallback or to
// standard error.
//
// No call of the breaker waits for the provider: the events are emitted as
// [atomicbreaker.WithAsyncOnTransition] calls its functions. WithEvents panics if the provider is
// nil.
func WithEvents(provider log.LoggerProvider) atomicbreaker.Option {
	if provider == nil {
		panic("breakerotel: WithEvents: want a log.LoggerProvider, got nil")
	}
	logger := provider.Logger(scope)
	return atomicbreaker.WithAsyncOnTransition(func(t atomicbreaker.Transition) {
		logger.Emit(context.Background(), event(t))
	})
}

func event(t atomicbreaker.Transition) (r log.Record) {
	r.SetEventName(EventName)
	r.SetTimestamp(t.At)
	r.SetSeverity(log.SeverityInfo)
	r.SetSeverityText("INFO")
	if t.To == atomicbreaker.Open || t.To == atomicbreaker.ForcedOpen {
		r.SetSeverity(log.SeverityWarn)
		r.SetSeverityText("WARN")
	}
	r.AddAttributes(
		nameKey.String(valid(t.Name)),
		fromKey.String(t.From.String()),
		toKey.String(t.To.String()),
		causeKey.String(t.Cause.String()),
		attribute.Int("atomicbreaker.failures", t.Failures),
		attribute.Int("atomicbreaker.attempt", t.Attempt),
		attribute.Int("atomicbreaker.generation", int(t.Generation)),
	)
	if t.Err != nil {
		r.SetErr(t.Err)
		r.AddAttributes(attribute.String("exception.message", valid(t.Err.Error())))
	}
	return r
}
