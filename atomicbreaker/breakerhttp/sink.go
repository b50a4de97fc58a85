// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

const (
	defaultTimeout = 10 * time.Second // of a Write, if the client has none

	// What is read of a response, so that its connection can be reused: at most maxDrain bytes, for
	// at most drainTime.
	maxDrain  = 64 << 10
	drainTime = time.Second

	maxMessage = 256 // bytes of a response in an error
)

// Sink is an io.Writer that sends the lines of each write to an HTTP server in one POST request.
// [NewSink] creates a Sink. Put it below a breakerio.Writer, as the primary:
//
//	sink := breakerhttp.NewSink(nil, "http://loki:3100/loki/api/v1/push",
//		breakerhttp.Loki(map[string]string{"service_name": "shop"}))
//	b := atomicbreaker.MustNew("loki", atomicbreaker.WithRetryAfter(breakerhttp.RetryAfter))
//	w := breakerio.NewWriter(b, sink, file, breakerio.WithRecordErrors(breakerhttp.IsRecordError))
//
// A Sink is safe for concurrent use, and never repeats a request that failed. It keeps nothing of a
// write.
type Sink struct {
	// The headers are below a pointer, so that no way of printing a Sink shows them.
	client  *http.Client
	request *http.Request // what all requests have in common
	url     string        // for errors
	timeout time.Duration // of a Write
	owned   bool          // NewSink created the client

	encode        func(lines []byte) (body []byte, contentType string, err error)
	gzip          bool
	maxRetryAfter time.Duration
}

// NewSink returns a Sink that sends to url, which must be an absolute http or https URL. By default
// the body of a request is [NDJSON].
//
// The timeout of client limits each Write; without one, Write takes at most 10 s, because a server
// that hangs must fail for the breaker to open. If client is nil, NewSink creates one with a
// timeout of 10 s that keeps up to 100 idle connections, so that concurrent writes do not dial
// again.
//
// A redirect is not followed but is an error: net/http turns a redirected POST into a GET for most
// statuses, and the records would be lost although the GET succeeds.
//
// NewSink panics if url, a header, a label or an option is not valid.
func NewSink(client *http.Client, url string, opts ...SinkOption) *Sink {
	config := sinkConfig{
		encode: encodeNDJSON, header: http.Header{}, maxRetryAfter: defaultMaxRetryAfter,
	}
	for _, opt := range opts {
		opt.applyToSink(&config)
	}
	target, err := parseURL(url)
	config.errs = append(config.errs, err, checkMaxRetryAfter(config.maxRetryAfter))
	if err := errors.Join(config.errs...); err != nil {
		panic("breakerhttp: NewSink: " + strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	s := &Sink{
		url: redact(target), owned: client == nil,
		encode: config.encode, gzip: config.gzip, maxRetryAfter: config.maxRetryAfter,
		request: &http.Request{
			Method: http.MethodPost, URL: target, Header: config.header,
			Host:  cmp.Or(config.header.Get("Host"), target.Host),
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		},
	}
	var c http.Client
	if s.owned {
		c.Transport = newOwnTransport()
	} else {
		c = *client
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if s.timeout = c.Timeout; s.timeout <= 0 {
		s.timeout = defaultTimeout
	}
	c.Timeout = 0 // Write sets a deadline
	s.client = &c
	return s
}

// parseURL does not name a URL that it cannot take apart, because of the secrets in it.
func parseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("a URL of %d bytes: not valid; want an absolute http or https URL", len(s))
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("URL %q: want an absolute http or https URL", redact(u))
	}
	return u, nil
}

func newOwnTransport() http.RoundTripper {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = t.MaxIdleConns
	return t
}

// GuardedBy reports whether the client of s has a [Transport] that b guards. An adapter above s
// uses it to refuse a breaker that would be asked twice.
func (s *Sink) GuardedBy(b *atomicbreaker.Breaker) bool {
	transport := s.client.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	t, ok := transport.(*Transport)
	return ok && t.GuardedBy(b)
}

// Write sends p, which is one or more lines, in one request. It returns len(p) and no error if the
// server answered with a 2xx. Otherwise the server has acknowledged the first n bytes of p, and
// none of the rest, and n is 0 or the end of a line. An empty p sends nothing.
//
// After a 413 (too large), Write sends the two halves of p, by lines, in a request each. It stops
// at the first half that the server does not accept, and does not halve again.
//
// The error is a [*StatusError] if the server answered. See [IsRecordError] and [RetryAfter]. No
// error contains the URL's user, password or query, or the value of a header.
func (s *Sink) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	err := s.post(ctx, p)
	if err == nil {
		return len(p), nil
	}
	half := middle(p)
	if !isTooLarge(err) || half == 0 {
		return 0, err
	}
	if err := s.post(ctx, p[:half]); err != nil {
		return 0, err
	}
	if err := s.post(ctx, p[half:]); err != nil {
		return half, err
	}
	return len(p), nil
}

func isTooLarge(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Status == http.StatusRequestEntityTooLarge
}

// middle returns the end of the line of p that is nearest to the middle of p, or 0 if p is a single
// line.
func middle(p []byte) int {
	half := len(p) / 2
	before := bytes.LastIndexByte(p[:half], '\n') + 1
	after := bytes.IndexByte(p[half:len(p)-1], '\n') + 1
	if after > 0 && (before == 0 || after < half-before) {
		return half + after
	}
	return before
}

// post sends lines in one request.
func (s *Sink) post(ctx context.Context, lines []byte) error {
	body, contentType, err := s.encode(lines)
	if err != nil {
		return &encodeError{err}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resp, err := s.client.Do(s.newRequest(ctx, body, contentType))
	if err != nil {
		return s.transportError(ctx, err)
	}
	start := drain(resp, cancel)
	if resp.StatusCode/100 == 2 {
		return nil
	}
	e := &StatusError{Status: resp.StatusCode, URL: s.url, Message: message(start)}
	e.RetryAfter = parseRetryAfter(resp, s.maxRetryAfter)
	return e
}

func (s *Sink) newRequest(ctx context.Context, body []byte, contentType string) *http.Request {
	req := s.request.Clone(ctx)
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", contentType)
	}
	if s.gzip {
		body = compress(body)
		req.Header.Set("Content-Encoding", "gzip")
	}
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody()
	return req
}

// transportError removes the URL, which may hold secrets, from an error of the client.
func (s *Sink) transportError(ctx context.Context, err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("breakerhttp: %s: timed out after %v: %w", s.url, s.timeout, err)
	}
	return fmt.Errorf("breakerhttp: %s: %w", s.url, err)
}

// drain reads the body of a response within limits and closes it, and returns its start. The status
// is the server's answer, so errors of the body do not matter.
func drain(resp *http.Response, cancel func()) []byte {
	defer func() { _ = resp.Body.Close() }()
	if resp.Body == http.NoBody {
		return nil
	}
	limit := time.AfterFunc(drainTime, cancel)
	defer limit.Stop()
	start := make([]byte, maxMessage)
	n, err := io.ReadFull(resp.Body, start)
	if err == nil {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDrain)
	}
	return start[:n]
}

// message makes one line of text of the start of a body.
func message(start []byte) string {
	return strings.TrimSpace(strings.ToValidUTF8(string(start), ""))
}

// Close closes idle connections if NewSink created the client. A Sink has no other state, so it can
// be written to after Close, and the same Sink can serve a Writer and a Replay.
func (s *Sink) Close() error {
	if s.owned {
		s.client.CloseIdleConnections()
	}
	return nil
}
