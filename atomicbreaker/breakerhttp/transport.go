// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// Transport is an [http.RoundTripper] that sends requests through another one while a circuit
// breaker admits them. [NewTransport] creates a Transport. It is safe for concurrent use.
//
// One request is one admission and one outcome. A redirect that the client follows is a request of
// its own.
type Transport struct {
	breaker  *atomicbreaker.Breaker
	base     http.RoundTripper
	slow     time.Duration // the breaker's slow threshold; 0: none
	config   transportConfig
	rejected rejections
}

type transportConfig struct {
	outcome       func(status int) atomicbreaker.Outcome
	atBodyEnd     bool
	maxRetryAfter time.Duration
}

// TransportOption configures a [Transport]. If an option is repeated, the last one wins.
type TransportOption interface{ applyToTransport(*transportConfig) }

type transportOption func(*transportConfig)

func (o transportOption) applyToTransport(c *transportConfig) { o(c) }

// WithOutcome sets the function that decides what the status of a response says about the server.
// By default it is [StatusOutcome]. f is not called for a 429 or 503 with a Retry-After header that
// names a time. It must be safe for concurrent use. For example, this is how a 429 without a
// Retry-After says nothing about the server:
//
//	breakerhttp.WithOutcome(func(status int) atomicbreaker.Outcome {
//		if status == http.StatusTooManyRequests {
//			return atomicbreaker.Ignore
//		}
//		return breakerhttp.StatusOutcome(status)
//	})
func WithOutcome(f func(status int) atomicbreaker.Outcome) TransportOption {
	return transportOption(func(c *transportConfig) { c.outcome = f })
}

// WithBodyOutcome delays the report of a success until the caller has read the body of the response
// to its end, so that a body that breaks off or times out counts as a failure. By default a request
// succeeds when the header of its response arrives.
//
// A body that is closed before its end leaves the success of the header. A body that is neither
// read to its end nor closed reports nothing: on a half-open breaker it holds the place of a probe
// until the probe timeout ([atomicbreaker.WithProbeTimeout]).
func WithBodyOutcome() TransportOption {
	return transportOption(func(c *transportConfig) { c.atBodyEnd = true })
}

// StatusOutcome returns what a status code says about the server by default. These are failures:
// all of 500 and above, 401, 403 and 407 (the server refuses all records until its configuration or
// that of the client changes), 408, and 429. All others are successes: the server works, even if it
// did not accept the request.
func StatusOutcome(status int) atomicbreaker.Outcome {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired,
		http.StatusRequestTimeout, http.StatusTooManyRequests:
		return atomicbreaker.Failure
	}
	if status >= http.StatusInternalServerError {
		return atomicbreaker.Failure
	}
	return atomicbreaker.Success
}

// NewTransport returns a Transport that sends requests through base while b admits them. If base is
// nil, it is [http.DefaultTransport]. NewTransport panics if b is nil, if base is a Transport of
// the same breaker, or if an option is out of range.
//
// Do not use the same breaker in a Transport and in a Writer or a Replay above it: see the package
// documentation.
func NewTransport(
	b *atomicbreaker.Breaker, base http.RoundTripper, opts ...TransportOption,
) *Transport {
	if b == nil {
		panic("breakerhttp: NewTransport needs a breaker")
	}
	if base == nil {
		base = http.DefaultTransport
	}
	if t, ok := base.(*Transport); ok && t.GuardedBy(b) {
		panic(fmt.Sprintf("breakerhttp: NewTransport: base already has the breaker %q", b.Name()))
	}
	t := &Transport{
		breaker: b, base: base, slow: b.SlowThreshold(), rejected: newRejections(b.Name()),
		config: transportConfig{maxRetryAfter: defaultMaxRetryAfter},
	}
	for _, opt := range opts {
		opt.applyToTransport(&t.config)
	}
	if t.config.outcome == nil {
		t.config.outcome = StatusOutcome
	}
	if err := checkMaxRetryAfter(t.config.maxRetryAfter); err != nil {
		panic("breakerhttp: NewTransport: " + err.Error())
	}
	return t
}

// GuardedBy reports whether b, or the breaker of a Transport below t, is the one that admits the
// requests of t. An adapter above t uses it to refuse a breaker that would be asked twice.
func (t *Transport) GuardedBy(b *atomicbreaker.Breaker) bool {
	if t.breaker == b {
		return true
	}
	below, ok := t.base.(*Transport)
	return ok && below.GuardedBy(b)
}

// RoundTrip sends req through the base transport if the breaker admits it. Otherwise it closes the
// body of req and returns an error that matches [atomicbreaker.ErrRejected]:
//
//	breakerhttp: "loki": rejected, breaker is open
//
// The response and the error of the base transport are returned unchanged. The body of a response
// is not read, whatever its status.
//
// The outcome that the breaker gets:
//   - A 429 or 503 with a Retry-After header opens the breaker for that time (see
//     [WithMaxRetryAfter]).
//   - [WithOutcome] decides about any other response. The error of a failure is a [*StatusError].
//   - An error of the base transport goes to the breaker's classifier, which by default counts it
//     as a failure. This includes the deadline of the request, because it is what ends a request to
//     a server that hangs.
//   - A request whose context was canceled, or had ended before RoundTrip was called, does not
//     count. Neither does it reach the server in the latter case.
//   - A success that took longer than [atomicbreaker.WithSlowThreshold] allows counts as a failure.
//   - A panic of the base transport counts as a failure, and continues.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := context.Cause(req.Context()); err != nil {
		closeBody(req)
		return nil, err
	}
	permit, ok := t.breaker.TryAcquire()
	if !ok {
		closeBody(req)
		return nil, t.rejected.forState(t.breaker.State())
	}
	defer permit.Failure() // unless it is settled: base or a user's function did not return
	e := exchange{transport: t, req: req}
	if t.slow > 0 {
		e.start = time.Now()
	}
	resp, err := t.base.RoundTrip(req)
	if err == nil && resp == nil {
		err = errors.New("breakerhttp: the base transport returned neither a response nor an error")
	}
	if err != nil {
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		e.failed(&permit, err)
		return nil, err
	}
	e.answered(&permit, resp)
	return resp, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// CloseIdleConnections closes the idle connections of the base transport, if it can.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
