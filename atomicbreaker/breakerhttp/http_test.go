// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

var errDown = errors.New("down")

// baseFunc is a base transport.
type baseFunc func(*http.Request) (*http.Response, error)

func (f baseFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer returns a base transport that answers every request with a status, headers (key, value, …)
// and a body.
func answer(status int, body string, header ...string) baseFunc {
	return func(r *http.Request) (*http.Response, error) {
		if r.Body != nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
		}
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Add(header[i], header[i+1])
		}
		return &http.Response{
			StatusCode: status, Header: h, Request: r, Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	}
}

// journal holds the transitions of a breaker.
type journal []atomicbreaker.Transition

func (j *journal) last() atomicbreaker.Transition {
	if len(*j) == 0 {
		return atomicbreaker.Transition{Cause: 255} // 0 is a cause
	}
	return (*j)[len(*j)-1]
}

// newBreaker returns a breaker that opens at the first failure, and its transitions. They are safe
// to read once no request is in flight.
func newBreaker(opts ...atomicbreaker.Option) (*atomicbreaker.Breaker, *journal) {
	j := &journal{}
	keep := func(t atomicbreaker.Transition) { *j = append(*j, t) }
	return atomicbreaker.MustNew("loki", append([]atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithOnTransition(keep),
	}, opts...)...), j
}

// admits reports whether a breaker without recovery timeout admits a call, so that no probe of
// before holds the place.
func admits(b *atomicbreaker.Breaker) bool {
	p, ok := b.TryAcquire()
	p.Cancel()
	return ok
}

// server is a real server on loopback that counts its connections and requests.
type server struct {
	*httptest.Server
	connections, requests atomic.Int32
}

func serve(tb testing.TB, h http.HandlerFunc, start ...func(*httptest.Server)) *server {
	tb.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		h(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	if len(start) > 0 {
		start[0](s.Server)
	} else {
		s.Start()
	}
	tb.Cleanup(s.Close)
	return s
}

// hang returns a handler that does what first does and then does not return before the end of the
// test, nor before its client has gone.
func hang(t *testing.T, first func(w http.ResponseWriter)) http.HandlerFunc {
	t.Helper()
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if first != nil {
			first(w)
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}
}

// closing is a request body that says when it is closed.
type closing struct {
	io.Reader
	closed atomic.Int32
}

func (c *closing) Close() error { c.closed.Add(1); return nil }

func readAll(t *testing.T, resp *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.NoError(t, resp.Body.Close())
	return string(text)
}

func newRequest(t *testing.T, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	require.NoError(t, err)
	return req
}
