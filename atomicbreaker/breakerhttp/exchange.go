// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// exchange is a request that the breaker admitted. It reports the outcome.
type exchange struct {
	transport *Transport
	req       *http.Request
	start     time.Time // if the breaker has a slow threshold
}

// failed reports an error of the base transport or of a body.
func (e *exchange) failed(permit *atomicbreaker.Permit, err error) {
	if e.canceled() {
		permit.Cancel()
		return
	}
	// The timeout of an http.Client reaches the base transport as a cancellation, whose error does
	// not say that time was the reason.
	at, ok := e.req.Context().Deadline()
	if ok && !time.Now().Before(at) && !errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	permit.Report(err)
}

// canceled reports whether the caller gave the request up. A deadline is a failure instead. The
// error of a canceled request may be any: net/http returns the context's cause.
func (e *exchange) canceled() bool { return e.req.Context().Err() == context.Canceled }

// answered reports the outcome of a response, or arranges that the end of its body reports it.
func (e *exchange) answered(permit *atomicbreaker.Permit, resp *http.Response) {
	c := &e.transport.config
	if d := parseRetryAfter(resp, c.maxRetryAfter); d > 0 {
		permit.FailFor(d, newStatusError(e.req, resp.StatusCode, d))
		return
	}
	switch c.outcome(resp.StatusCode) {
	case atomicbreaker.Success:
		if c.atBodyEnd && hasBody(resp) {
			resp.Body = &body{ReadCloser: resp.Body, exchange: *e, permit: *permit}
			*permit = atomicbreaker.Permit{}
			return
		}
		e.succeeded(permit)
	case atomicbreaker.Ignore:
		permit.Cancel()
	default:
		permit.Fail(newStatusError(e.req, resp.StatusCode, 0))
	}
}

// hasBody reports whether a response has a body to read. That of a 101 is the connection.
func hasBody(resp *http.Response) bool {
	return resp.Body != nil && resp.Body != http.NoBody &&
		resp.StatusCode != http.StatusSwitchingProtocols
}

func (e *exchange) succeeded(permit *atomicbreaker.Permit) {
	if slow := e.transport.slow; slow > 0 {
		if took := time.Since(e.start); took > slow {
			permit.Fail(fmt.Errorf("%w: took %v, over %v", atomicbreaker.ErrSlow, took, slow))
			return
		}
	}
	permit.Success()
}

// body is the body of a response whose end decides the outcome.
type body struct {
	io.ReadCloser
	exchange exchange
	ended    atomic.Bool // the permit is spent; Read and Close may be concurrent
	permit   atomicbreaker.Permit
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && b.ended.CompareAndSwap(false, true) {
		if err == io.EOF {
			b.exchange.succeeded(&b.permit)
		} else {
			b.exchange.failed(&b.permit, err)
		}
	}
	return n, err
}

func (b *body) Close() error {
	if b.ended.CompareAndSwap(false, true) {
		if b.exchange.canceled() {
			b.permit.Cancel()
		} else {
			b.exchange.succeeded(&b.permit)
		}
	}
	return b.ReadCloser.Close()
}
