// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"
)

// clientTimeout bounds one POST. It is what a record may cost in the worst case, and with the failure threshold it
// bounds what a sink that hangs costs until the breaker opens.
const clientTimeout = time.Second

// httpSink is the primary: an io.Writer that POSTs each record and returns nil only when the sink acknowledged it
// with a 2xx. Only such a sink can carry a claim that nothing is lost; one that merely takes bytes cannot.
type httpSink struct {
	url    string
	client *http.Client
}

// newHTTPSink keeps one connection per goroutine alive: net/http's default of two idle connections per host would
// make every other call of eight goroutines dial anew.
func newHTTPSink(url string, goroutines int) *httpSink {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 0 // no limit in all
	transport.MaxIdleConnsPerHost = goroutines
	return &httpSink{
		url: url,
		client: &http.Client{
			Transport: transport,
			Timeout:   clientTimeout,
			// A followed redirect can end as a GET that answers 200 and stores nothing.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Write sends a copy of p. A writer must not keep p, the logger reuses it at once, and net/http may still read a
// request's body after the call has returned with an error.
func (s *httpSink) Write(p []byte) (int, error) {
	resp, err := s.client.Post(s.url, "application/x-ndjson", bytes.NewReader(bytes.Clone(p)))
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	// Only a connection whose answer was read to its end is used again. The answer itself says nothing more.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return 0, fmt.Errorf("the sink answered %s", resp.Status)
	}
	return len(p), nil
}

// Close drops the idle connections, so that a sink that is asked to end is not kept waiting for them.
func (s *httpSink) Close() { s.client.CloseIdleConnections() }
